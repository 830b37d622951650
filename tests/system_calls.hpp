// SPDX-License-Identifier: Apache-2.0
// Some work in a process of its own, which is stopped at each of its system calls: to be killed
// there, or to be told that the call failed, or to be allowed a part of it.
#pragma once

#include <retinue/error.hpp>

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

namespace retinue::test {

/// How the work ended.
enum class ending { done, refused, no_memory, other, killed };

/// What is done to one call.
struct fault {
  enum class kind { none, kill_before, kill_after, fail, shorten } what = kind::none;
  std::size_t call = 0;  ///< from 0
  int error = 0;         ///< of those that fail
  std::size_t most = 1;  ///< bytes that every write may write, of those that are shortened
};

struct ended {
  ending how = ending::killed;
  std::size_t calls = 0;  ///< how many were begun
  long number = -1;       ///< of the call that was meant
};

/// Whether calls can be failed here: killing needs no knowledge of a processor's registers. The
/// calls of a sanitizer, which are among them, may not fail.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
inline constexpr bool fails_calls = true;
#else
inline constexpr bool fails_calls = false;
#endif

namespace detail {
template <class Work>
[[noreturn]] void be_traced(const Work& work, std::string_view source)
{
  ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  ::raise(SIGSTOP);
  auto how = ending::done;
  try {
    work();
  } catch (const error& e) {
    const std::string_view said = e.what();
    how =
        said.starts_with(source) && said.find('\n') == said.npos ? ending::refused : ending::other;
    if (how == ending::other) std::fprintf(stderr, "said <%s>\n", e.what());
  } catch (const std::bad_alloc&) {
    how = ending::no_memory;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "threw <%s>\n", e.what());
    how = ending::other;
  }
  ::_exit(static_cast<int>(how));
}
}  // namespace detail

/// Does `work` under a fault. A refusal begins with `source`.
template <class Work>
ended under(const fault& f, const Work& work, std::string_view source)
{
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no process could be made");
  if (child == 0) detail::be_traced(work, source);
  ended result;
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFSTOPPED(status)) throw std::runtime_error("no process can be traced here");
  ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  bool entering = true, meant = false;
  for (int signal = 0;;) {
    ::ptrace(PTRACE_SYSCALL, child, nullptr, signal);
    ::waitpid(child, &status, 0);
    if (WIFEXITED(status)) {
      result.how = static_cast<ending>(WEXITSTATUS(status));
      return result;
    }
    if (WIFSIGNALED(status)) return result;
    signal = WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 : WSTOPSIG(status);
    if (signal != 0) continue;
    if (entering) meant = result.calls++ == f.call;
#if defined(__x86_64__)
    ::user_regs_struct r{};
    ::ptrace(PTRACE_GETREGS, child, nullptr, &r);
    if (entering && meant) result.number = static_cast<long>(r.orig_rax);
    if (entering && f.what == fault::kind::shorten && r.orig_rax == SYS_write && r.rdx > f.most) {
      r.rdx = f.most;
      ::ptrace(PTRACE_SETREGS, child, nullptr, &r);
    }
    // The end of a process cannot fail; a C library that is told so ends in a signal of its own.
    if (meant && f.what == fault::kind::fail && result.number != SYS_exit_group) {
      if (entering)
        r.orig_rax = ~0ull;  // no call at all
      else
        r.rax = static_cast<unsigned long long>(-f.error);
      ::ptrace(PTRACE_SETREGS, child, nullptr, &r);
    }
#endif
    const auto deadly = entering ? fault::kind::kill_before : fault::kind::kill_after;
    if (meant && f.what == deadly) ::kill(child, SIGKILL);
    entering = !entering;
  }
}

}  // namespace retinue::test
