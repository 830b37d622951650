// SPDX-License-Identifier: Apache-2.0
// The programs on a CUDA device, without LibTorch. Bytes are those that have to be read and
// written, beside what a copy of memory moves; what fits into the device's cache may stay there
// from one call to the next. Without a device it says so and ends.
#include "timing.hpp"

#include <retinue/anchors.hpp>
#include <retinue/backend/cuda_device.hpp>
#include <retinue/detect_programs.hpp>
#include <retinue/error.hpp>
#include <retinue/formulas/narrow.hpp>
#include <retinue/image/planes_program.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses/team_objective.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace retinue;

namespace {

using face5 = schemas::face5;
using settings = multibox_settings<face5>;

/// Room of a device for so many values, or for those of the host.
template <class T, class Device>
class there {
 public:
  there(Device& device, std::size_t count) : block_(device.memory(count * sizeof(T))), count_(count)
  {
  }
  there(Device& device, const std::vector<T>& from) : there(device, from.size())
  {
    put_values(device, std::span<const T>(from), data());
  }
  [[nodiscard]] T* data() const { return reinterpret_cast<T*>(block_.data()); }
  [[nodiscard]] double bytes() const { return static_cast<double>(count_ * sizeof(T)); }

 private:
  decltype(std::declval<Device&>().memory(0)) block_;
  std::size_t count_;
};

template <class T, class Device>
there<T, Device> room_for(Device& device, std::size_t count)
{
  return {device, count};
}

std::vector<float> drawn(std::size_t count, float spread, float about = 0)
{
  std::mt19937 random(1);
  std::normal_distribution<float> normal(about, spread);
  std::vector<float> values(count);
  for (float& v : values) v = normal(random);
  return values;
}

template <class Device, class Clock>
class benchmark {
 public:
  benchmark(lines& say, std::uint32_t images, int side)
      : say_(say), images_(images), side_(side), layout_(square_anchors::retinaface(), {side, side})
  {
  }

  void copies(std::size_t bytes)
  {
    const std::vector<std::byte> zeros(bytes);
    const there from(device_, zeros), to(device_, zeros);
    say_.copies(2.0 * static_cast<double>(bytes),
                time_([&] { copy(from.data(), to.data(), bytes); }));
  }

  void learning()
  {
    const table_shape shape{images_, layout_.size()};
    const auto part = [&](const auto& values, std::uint32_t width) {
      return output_view<>{values.data(), width, contiguous(shape, width)};
    };
    const there scores(device_, drawn(shape.size() * 2, 2)),
        boxes(device_, drawn(shape.size() * 4, 1)), points(device_, drawn(shape.size() * 10, 1));
    const auto to_scores = room_for<float>(device_, shape.size() * 2),
               to_boxes = room_for<float>(device_, shape.size() * 4),
               to_points = room_for<float>(device_, shape.size() * 10);
    std::mt19937 random(2);
    std::uniform_real_distribution<float> unit(0, 1);
    std::vector<std::vector<instance<face5>>> faces(images_);
    for (auto& image : faces)
      for (int t = 0; t < 10; ++t) {
        const float x = unit(random) * 0.8f, y = unit(random) * 0.8f, w = 0.02f + unit(random) / 6;
        image.emplace_back().bounds = {x, y, x + w, y + w};
      }
    truth_batch<face5> truths;
    truths.read(faces, 1, truth_reading::classes);
    team_objective<Device, settings> objective(device_, settings{}, overlap_matcher::retinaface(),
                                               layout_);
    const team_outputs<> said{part(scores, 2), part(boxes, 4), part(points, 10), {}};
    const auto run = [&] { return objective(said, truths); };
    say_.moves("matching, mining and terms, truths sent" + of_images(), time_(run),
               2 * scores.bytes());  // read by mining, and by the terms
    const auto kept = run();
    say_.moves("their gradient" + of_images(), time_([&] {
                 objective.slopes(kept, {.scores = to_scores.data(),
                                         .boxes = to_boxes.data(),
                                         .points = to_points.data()});
               }),
               scores.bytes() + to_scores.bytes() + to_boxes.bytes() + to_points.bytes());
  }

  void detecting()
  {
    const table_shape shape{images_, layout_.size()};
    // Of the rows of an untrained network some hundreds score above the floor.
    const there scores(device_, drawn(shape.size() * 2, 1)),
        boxes(device_, drawn(shape.size() * 4, 0.5f)),
        points(device_, drawn(shape.size() * 10, 0.5f));
    const there anchors(device_, std::vector<centre_box<float>>(layout_.anchors().begin(),
                                                                layout_.anchors().end()));
    const there scales(device_, std::vector<picture_scale>(
                                    images_, picture_scale::of(frame::unscaled({side_, side_}))));
    detection_view<softmax_labels, centre_size_coder> v;
    found_view<face5> to;
    v.images = images_, v.anchor_count = static_cast<std::uint32_t>(layout_.size());
    v.score = 0.95f, v.bound = v.labels.least_logit(v.score);
    v.room = v.anchor_count, v.most = v.anchor_count, v.keep = 750;
    v.anchors = anchors.data(), v.scales = scales.data();
    v.scores = {scores.data(), 2, contiguous(shape, 2)};
    v.boxes = {boxes.data(), 4, contiguous(shape, 4)};
    to.points = {points.data(), 10, contiguous(shape, 10)};
    v.cells.cells = cell_view::cells_for(v.most);
    const std::size_t most = std::size_t{images_} * v.most, keep = std::size_t{images_} * v.keep;
    std::size_t cleared = 0;
    const auto lay = [&](memory_layout& in) {
      in.take(v.cells.begins, images_ * (std::size_t{v.cells.cells} + 1));
      in.take(v.ticket, 1), in.take(v.found_counts, images_), in.take(v.fates, most);
      cleared = in.size();
      in.take(v.kept_counts, images_), in.take(v.kept, keep), in.take(v.rows, most);
      in.take(v.words, std::size_t{images_} * v.room);
      in.take(v.best, std::size_t{images_} * v.best_room());
      in.take(v.counts, images_), in.take(v.found, most), in.take(v.decoded, most);
      in.take(to.detections, keep), in.take(to.rows, keep), in.take(v.cells.ranks, most),
          in.take(v.cells.boxes, most);
    };
    memory_layout size;
    lay(size);
    const auto block = room_for<std::byte>(device_, size.size());
    memory_layout in(block.data());
    lay(in);
    const auto clear = [&] { device_.clear(block.data(), cleared); };
    const auto find = [&] {
      device_.run(row_blocks(shape.size()), find_candidates<softmax_labels, centre_size_coder>{v});
    };
    const auto sort = [&] {
      device_.run(images_, sort_candidates<softmax_labels, centre_size_coder>{v});
    };
    const auto decode = [&] {
      device_.run(row_blocks(most), decode_candidates<softmax_labels, centre_size_coder>{v});
    };
    say_.moves("finding candidates" + of_images(), time_([&] { clear(), find(); }), scores.bytes());
    say_.takes("detections of outputs, from candidates to landmarks" + of_images(),
               time_([&] { clear(), team_detect(device_, v, to); }), images_);
    // Every row, for what decoding itself can do.
    v.score = 0, v.bound = v.labels.least_logit(0);
    clear(), find(), sort();
    const double rows = static_cast<double>(shape.size());
    say_.moves("decoding of every row" + of_images(), time_(decode),
               rows * (sizeof(row_index) + 3.0 * sizeof(box<float>)));
  }

  void suppression(std::uint32_t count)
  {
    std::mt19937 random(3);
    std::uniform_real_distribution<float> unit(0, 1);
    std::vector<box<float>> boxes;
    std::vector<candidate<float>> found;
    for (std::uint32_t i = 0; i < count; ++i) {
      const float x = 2000 * unit(random), y = 2000 * unit(random), w = 10 + 90 * unit(random);
      boxes.push_back({x, y, x + w, y + w});
      found.push_back({1 - static_cast<float>(i) / static_cast<float>(count), 1});
    }
    const there boxes_there(device_, boxes);
    const there found_there(device_, found);
    const there counts(device_, std::vector<std::uint32_t>{count, 0});
    const auto kept = room_for<row_index>(device_, count);
    const std::uint32_t cells = cell_view::cells_for(count);
    const std::size_t cleared = std::size_t{cells} + 1 + count + 1;
    const auto words = room_for<std::uint32_t>(device_, cleared + count);
    const auto sorted = room_for<cell_box>(device_, count);
    std::uint32_t* const fates = words.data() + cells + 1;
    const suppression_view view{boxes_there.data(),
                                found_there.data(),
                                counts.data(),
                                {words.data(), words.data() + cleared, sorted.data(), cells},
                                fates,
                                fates + count,
                                1,
                                count,
                                0.4f};
    say_.moves("suppression of " + std::to_string(count) + " sorted boxes", time_([&] {
                 device_.clear(reinterpret_cast<std::byte*>(words.data()),
                               cleared * sizeof(std::uint32_t));
                 decide_fates(device_, view);
                 device_.run(1, collect_kept{fates, counts.data(), kept.data(), counts.data() + 1,
                                             count, count});
               }),
               boxes_there.bytes() + found_there.bytes() + kept.bytes());
  }

  void planes()
  {
    const extent2 from{2 * side_, 2 * side_};
    const std::size_t bytes_of_one = std::size_t{3} * static_cast<std::size_t>(from.width) *
                                     static_cast<std::size_t>(from.height);
    const there pixels(device_, std::vector<std::uint8_t>(images_ * bytes_of_one, 127));
    const auto planes = room_for<float>(device_, images_ * bytes_of_one / 4);
    const auto halves = room_for<float16>(device_, images_ * bytes_of_one / 4);
    const frame how{{side_, side_}, from, 0.5, 0.5};
    std::vector<picture_plan> plans;
    for (std::size_t i = 0; i < images_; ++i)
      plans.push_back(picture_plan::of(how, pixels.data() + i * bytes_of_one,
                                       3 * static_cast<std::size_t>(from.width)));
    const there plans_there(device_, plans);
    const auto write = [&](auto program, const auto& to, const char* type) {
      program.plans = plans_there.data(), program.planes = to.data();
      program.images = images_;
      program.height = program.width = static_cast<std::uint32_t>(side_);
      say_.moves("pictures of twice the size to planes, " + std::string(type) + of_images(),
                 time_([&] { device_.run(program.blocks(), program); }),
                 pixels.bytes() + to.bytes());
    };
    write(write_planes<>(), planes, "float32");
    write(write_planes<float16>(), halves, "float16");
  }

 private:
  [[nodiscard]] std::string of_images() const
  {
    return ", " + std::to_string(images_) + " of " + std::to_string(side_);
  }
  static void copy(const std::byte* from, std::byte* to, std::size_t bytes)
  {
    if constexpr (std::same_as<Device, cuda_device>)
      cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice);
    else
      Device::put(from, to, bytes);
  }

  lines& say_;
  std::uint32_t images_;
  int side_;
  anchor_layout layout_;
  Device device_;
  Clock time_;
};

template <class Device, class Clock>
void measure(lines& say, std::uint32_t images, int side, std::uint32_t boxes, std::size_t bytes)
{
  benchmark<Device, Clock> all(say, images, side);
  all.copies(bytes);
  all.learning();
  all.detecting();
  all.suppression(boxes);
  all.planes();
}

}  // namespace

int main(int count, char** values)
try {
  const asked want(count, values);
  if (!want.understood) fail("expected --json, --rehearse, or nothing");
  lines say(want.json);
  int devices = 0;
  if (want.rehearse)
    measure<host_device, host_clock>(say, 2, 128, 200, 1 << 20);
  else if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0)
    std::puts("skipped: there is no CUDA device");
  else
    measure<cuda_device, device_clock>(say, 32, 640, 20000, std::size_t{1} << 28);
} catch (const retinue::error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 2;
}
