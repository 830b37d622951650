// SPDX-License-Identifier: Apache-2.0
#include "device.hpp"

#include <cxxabi.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fibres {
namespace {

struct mistake : std::runtime_error {
  using runtime_error::runtime_error;
};

[[noreturn]] void give_up(const char* what)
{
  std::perror(what);
  std::abort();
}

std::byte* room_for(std::size_t n, int access)
{
  void* const at = ::mmap(nullptr, n, access, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) give_up("mmap");
  return static_cast<std::byte*>(at);
}

// ---- Fibres

/// The threads of a block, which take turns.
class block {
 public:
  static block& that_runs()
  {
    static block one;
    return one;
  }

  void run(unsigned threads, const std::function<void()>& thread)
  {
    read_order();
    thread_ = &thread;
    fibres_.resize(std::max<std::size_t>(fibres_.size(), threads));
    count_ = threads;
    for (unsigned i = 0; i < threads; ++i) begin(i);
    for (std::size_t idle = 0; !all([](const fibre& f) { return f.is == state::ended; }); ++idle) {
      bool went = false, paused_alone = true;
      for (unsigned turn = 0; turn < threads; ++turn) {
        const unsigned i = in_turn(turn);
        if (fibres_[i].is != state::ready) continue;
        now_ = i, threadIdx.x = i;
        ::swapcontext(&outside_, &fibres_[i].context);
        went = true;
        paused_alone = paused_alone && fibres_[i].is == state::ready;
      }
      const bool released = release();
      if (!went && !released) throw mistake(who_waits());
      if (!paused_alone || released) idle = 0;
      if (idle > 100'000) throw mistake("threads look for what nobody writes");
    }
  }

  void meet(meeting of, const barrier& at)
  {
    fibre& own = fibres_[now_];
    own.is = of == meeting::of_block ? state::at_block : state::at_warp;
    own.at = at;
    leave();
  }
  void leave() { ::swapcontext(&fibres_[now_].context, &outside_); }

 private:
  enum class state { ready, at_block, at_warp, ended };
  struct fibre {
    ucontext_t context;
    std::byte* stack = nullptr;
    state is = state::ended;
    barrier at{};
  };
  static constexpr std::size_t page = 4096, stack_bytes = 32 * page;

  void read_order()
  {
    const char* const said = std::getenv("RETINUE_FIBRES");
    const std::string_view order = said ? said : "rising";
    falling_ = order == "falling", shuffled_ = order == "shuffled";
    if (!falling_ && !shuffled_ && order != "rising")
      throw mistake("RETINUE_FIBRES is " + std::string(order) +
                    ", expected rising, falling or shuffled");
  }
  void begin(unsigned i)
  {
    fibre& f = fibres_[i];
    if (!f.stack) {
      f.stack = room_for(page + stack_bytes, PROT_READ | PROT_WRITE);
      if (::mprotect(f.stack, page, PROT_NONE) != 0) give_up("mprotect");
    }
    if (::getcontext(&f.context) != 0) give_up("getcontext");
    f.context.uc_stack.ss_sp = f.stack + page;
    f.context.uc_stack.ss_size = stack_bytes;
    f.context.uc_link = &outside_;
    ::makecontext(&f.context, [] { that_runs().thread(); }, 0);
    f.is = state::ready;
  }
  void thread()
  {
    (*thread_)();
    fibres_[now_].is = state::ended;
  }

  unsigned in_turn(unsigned turn)
  {
    if (falling_) return count_ - 1 - turn;
    if (!shuffled_) return turn;
    if (turn == 0) {
      shuffle_.resize(count_);
      for (unsigned i = 0; i < count_; ++i) shuffle_[i] = i;
      for (unsigned i = count_; i > 1; --i) {
        drawn_ = drawn_ * 747796405u + 2891336453u;
        std::swap(shuffle_[i - 1], shuffle_[(drawn_ >> 8) % i]);
      }
    }
    return shuffle_[turn];
  }

  template <class Is>
  [[nodiscard]] bool all(const Is& is) const
  {
    return std::all_of(fibres_.begin(), fibres_.begin() + count_, is);
  }

  /// Lets those go on who have all met.
  bool release()
  {
    bool any = release(0, count_, state::at_block);
    for (unsigned warp = 0; warp < count_; warp += 32)
      any = release(warp, std::min(warp + 32, count_), state::at_warp) || any;
    return any;
  }
  bool release(unsigned from, unsigned to, state met)
  {
    const auto begin = fibres_.begin() + from, end = fibres_.begin() + to;
    if (!std::all_of(begin, end, [&](const fibre& f) { return f.is == met; })) return false;
    for (auto f = begin; f != end; ++f)
      if (f->at.line != begin->at.line || std::string_view(f->at.function) != begin->at.function)
        throw mistake("threads meet at different barriers: " + said(*begin) + ", " + said(*f));
    for (auto f = begin; f != end; ++f) f->is = state::ready;
    return true;
  }
  [[nodiscard]] std::string who_waits() const
  {
    for (unsigned i = 0; i < count_; ++i)
      if (fibres_[i].is != state::ended)
        return "thread " + std::to_string(i) + " waits for ever at " + said(fibres_[i]);
    return {};
  }
  static std::string said(const fibre& f)
  {
    return std::string(f.at.file) + ":" + std::to_string(f.at.line) + " in " + f.at.function;
  }

  std::vector<fibre> fibres_;
  std::vector<unsigned> shuffle_;
  unsigned count_ = 0, now_ = 0;
  std::uint32_t drawn_ = 1;
  bool falling_ = false, shuffled_ = false;
  const std::function<void()>* thread_ = nullptr;
  ucontext_t outside_{};
};

// ---- Memory

/// What lies on the device: out of reach but for what it does itself.
class memory {
 public:
  static memory& there()
  {
    static memory one;
    return one;
  }

  void* take(std::size_t n)
  {
    const std::size_t room = (std::max<std::size_t>(n, 1) + edge - 1) / edge * edge + 2 * edge;
    const auto hole =
        std::find_if(holes_.begin(), holes_.end(), [&](const auto& h) { return h.second >= room; });
    if (hole == holes_.end()) return nullptr;
    const std::size_t at = hole->first, left = hole->second - room;
    holes_.erase(hole);
    if (left > 0) holes_.emplace(at + room, left);
    blocks_.emplace(at, std::pair(room, n));
    const reach within(*this);
    std::memset(base_ + at, fresh, room);
    return base_ + at + edge;
  }
  void give_back(const void* data)
  {
    if (data == nullptr) return;
    const auto found =
        blocks_.find(static_cast<std::size_t>(static_cast<const std::byte*>(data) - base_ - edge));
    if (found == blocks_.end()) throw mistake("what is given back is no block of the device's");
    const std::size_t at = found->first, room = found->second.first, n = found->second.second;
    const reach within(*this);
    const auto untouched = [&](std::size_t from, std::size_t to) {
      return std::all_of(base_ + at + from, base_ + at + to,
                         [](std::byte b) { return b == std::byte{fresh}; });
    };
    if (!untouched(0, edge) || !untouched(edge + n, room))
      throw mistake("something wrote beside a block of " + std::to_string(n) + " bytes");
    std::memset(base_ + at, gone, room);
    blocks_.erase(found);
    auto hole = holes_.emplace(at, room).first;
    if (const auto next = std::next(hole);
        next != holes_.end() && hole->first + hole->second == next->first) {
      hole->second += next->second;
      holes_.erase(next);
    }
    if (hole != holes_.begin())
      if (const auto before = std::prev(hole); before->first + before->second == hole->first) {
        before->second += hole->second;
        holes_.erase(hole);
      }
  }

  [[nodiscard]] bool holds(const void* from, std::size_t n) const
  {
    const auto* const at = static_cast<const std::byte*>(from);
    return at >= base_ && at + n <= base_ + size;
  }

  /// While one lives, the device's memory is in reach.
  class reach {
   public:
    explicit reach(memory& of) : of_(&of)
    {
      if (of_->reached_++ == 0) of_->protect(PROT_READ | PROT_WRITE);
    }
    reach(const reach&) = delete;
    reach& operator=(const reach&) = delete;
    ~reach()
    {
      if (--of_->reached_ == 0) of_->protect(PROT_NONE);
    }

   private:
    memory* of_;
  };

 private:
  static constexpr std::size_t size = std::size_t{1} << 30, edge = 256;
  static constexpr unsigned char fresh = 0xa5, gone = 0xdd;

  memory() : base_(room_for(size, PROT_NONE)), holes_{{0, size}} {}

  void protect(int access)
  {
    if (::mprotect(base_, size, access) != 0) give_up("mprotect");
  }

  std::byte* base_;
  std::map<std::size_t, std::size_t> holes_;                           // from: bytes
  std::map<std::size_t, std::pair<std::size_t, std::size_t>> blocks_;  // from: bytes, asked for
  std::size_t reached_ = 0;
};

/// Throws where a program's bytes hold an address of memory that is the host's.
void refuse_addresses(bytes values, const std::string& program)
{
  std::vector<std::pair<std::uintptr_t, std::uintptr_t>> mapped;
  std::ifstream file("/proc/self/maps");
  for (std::string line; std::getline(file, line);) {
    unsigned long long from = 0, to = 0;
    char readable = '-';
    if (std::sscanf(line.c_str(), "%llx-%llx %c", &from, &to, &readable) == 3 && readable == 'r' &&
        to - from < 1ull << 36)  // larger ones are a sanitizer's notes
      mapped.emplace_back(from, to);
  }
  for (std::size_t k = 0; k + sizeof(std::uintptr_t) <= values.size();
       k += sizeof(std::uintptr_t)) {
    std::uintptr_t word;
    std::memcpy(&word, values.data() + k, sizeof word);
    const auto hit = std::find_if(mapped.begin(), mapped.end(), [&](const auto& m) {
      return word >= m.first && word < m.second;
    });
    if (hit != mapped.end())
      throw mistake(program + " holds an address of the host at byte " + std::to_string(k));
  }
}

std::string name_of(const std::type_info& type)
{
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
  return name ? name.get() : type.name();
}

// ---- What the device has to do

/// In order, of all streams together.
std::vector<std::function<void()>>& to_do()
{
  static std::vector<std::function<void()>> all;
  return all;
}
std::string& last_mistake()
{
  static std::string said;
  return said;
}

template <class Do>
cudaError_t tried(const Do& what)
{
  try {
    what();
    return cudaSuccess;
  } catch (const mistake& wrong) {
    last_mistake() = wrong.what();
    return cudaErrorLaunchFailure;
  }
}
cudaError_t finish()
{
  const auto all = std::exchange(to_do(), {});
  const memory::reach within(memory::there());
  return tried([&] {
    for (const auto& one : all) one();
  });
}

}  // namespace

void meet(meeting of, const barrier& at)
{
  block::that_runs().meet(of, at);
}
void pause()
{
  block::that_runs().leave();
}

cudaError_t launch(const cudaLaunchConfig_t& as, std::function<void()> thread, bytes values,
                   const std::type_info& type)
{
  const unsigned blocks = as.gridDim.x, threads = as.blockDim.x;
  if (blocks == 0 || blocks > unsigned{std::numeric_limits<int>::max()} || threads == 0 ||
      threads > 1024)
    return cudaErrorInvalidConfiguration;
  if (const cudaError_t said = tried([&] { refuse_addresses(values, name_of(type)); });
      said != cudaSuccess)
    return said;
  to_do().emplace_back([blocks, threads, thread = std::move(thread)] {
    for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x) block::that_runs().run(threads, thread);
  });
  return cudaSuccess;
}

}  // namespace fibres

using fibres::memory;

const char* cudaGetErrorString(cudaError_t said)
{
  switch (said) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorLaunchFailure:
      return fibres::last_mistake().c_str();
  }
  return "unrecognized error code";
}
cudaError_t cudaGetLastError()
{
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count)
{
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device)
{
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize()
{
  return fibres::finish();
}
cudaError_t cudaStreamSynchronize(cudaStream_t)
{
  return fibres::finish();
}

cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps*)
{
  static char one;
  *pool = reinterpret_cast<cudaMemPool_t>(&one);
  return cudaSuccess;
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*)
{
  return cudaSuccess;
}
cudaError_t cudaMemPoolDestroy(cudaMemPool_t)
{
  return cudaSuccess;
}
cudaError_t cudaMallocFromPoolAsync(void** at, std::size_t n, cudaMemPool_t, cudaStream_t)
{
  return cudaMalloc(at, n);
}
cudaError_t cudaFreeAsync(void* at, cudaStream_t)
{
  fibres::to_do().emplace_back([at] { memory::there().give_back(at); });
  return cudaSuccess;
}
cudaError_t cudaMalloc(void** at, std::size_t n)
{
  *at = memory::there().take(n);
  return *at ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFree(void* at)
{
  const cudaError_t said = fibres::finish();
  const cudaError_t given = fibres::tried([&] { memory::there().give_back(at); });
  return said != cudaSuccess ? said : given;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t n, cudaMemcpyKind kind,
                            cudaStream_t)
{
  const bool goes = kind == cudaMemcpyHostToDevice;
  const memory& there = memory::there();
  if (!there.holds(goes ? to : from, n) || (n > 0 && there.holds(goes ? from : to, n)))
    return cudaErrorInvalidValue;
  if (!goes) {
    fibres::to_do().emplace_back([=] {
      if (n > 0) std::memcpy(to, from, n);
    });
    return cudaSuccess;
  }
  // What is no pinned memory is copied aside.
  const auto* const first = static_cast<const std::byte*>(from);
  fibres::to_do().emplace_back([to, aside = std::vector<std::byte>(first, first + n)] {
    if (!aside.empty()) std::memcpy(to, aside.data(), aside.size());
  });
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t n, cudaMemcpyKind kind)
{
  const cudaError_t said = cudaMemcpyAsync(to, from, n, kind, nullptr);
  return said != cudaSuccess ? said : fibres::finish();
}
cudaError_t cudaMemsetAsync(void* at, int value, std::size_t n, cudaStream_t)
{
  if (!memory::there().holds(at, n)) return cudaErrorInvalidValue;
  fibres::to_do().emplace_back([=] { std::memset(at, value, n); });
  return cudaSuccess;
}
