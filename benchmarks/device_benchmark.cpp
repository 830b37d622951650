// SPDX-License-Identifier: Apache-2.0
// The programs on a CUDA device, by its own clock: medians of 51 runs after 10 for warmth. Bytes
// are those that have to be read and written, beside what a copy of memory moves in a second.
// Without a device it says so and ends.
#include <retinue/anchors.hpp>
#include <retinue/backend/cuda_device.hpp>
#include <retinue/detect_programs.hpp>
#include <retinue/image/planes_program.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses/team_objective.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <random>
#include <span>
#include <vector>

using namespace retinue;

namespace {

using face5 = schemas::face5;
using settings = multibox_settings<face5>;

struct event {
  cudaEvent_t at{};
  event() { cudaEventCreate(&at); }
  event(const event&) = delete;
  event& operator=(const event&) = delete;
  ~event() { cudaEventDestroy(at); }
};

/// Microseconds of the device.
template <class Work>
double median_time(const Work& work)
{
  const event begin, end;
  std::vector<float> times;
  for (int run = -10; run < 51; ++run) {
    cudaEventRecord(begin.at);
    work();
    cudaEventRecord(end.at);
    cudaEventSynchronize(end.at);
    float milliseconds = 0;
    cudaEventElapsedTime(&milliseconds, begin.at, end.at);
    if (run >= 0) times.push_back(milliseconds);
  }
  std::nth_element(times.begin(), times.begin() + 25, times.end());
  return 1000.0 * static_cast<double>(times[25]);
}

double copied_bytes_in_a_second = 0;

void say(const char* what, double microseconds, double bytes)
{
  const double rate = bytes / (microseconds * 1e-6);
  std::printf("%-44s %9.1f us %8.1f GB/s %5.1f %% of a copy\n", what, microseconds, rate / 1e9,
              100 * rate / copied_bytes_in_a_second);
}

/// Room of a device for so many values, or for those of the host.
template <class T>
class there {
 public:
  there(cuda_device& device, std::size_t count)
      : block_(device.memory(count * sizeof(T))), count_(count)
  {
  }
  there(cuda_device& device, const std::vector<T>& from) : there(device, from.size())
  {
    put_values(device, std::span<const T>(from), data());
  }
  [[nodiscard]] T* data() const { return reinterpret_cast<T*>(block_.data()); }
  [[nodiscard]] double bytes() const { return static_cast<double>(count_ * sizeof(T)); }

 private:
  cuda_device::owned block_;
  std::size_t count_;
};

std::vector<float> drawn(std::size_t count, float spread)
{
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> values(count);
  for (float& v : values) v = normal(random);
  return values;
}

void time_copies(cuda_device& device)
{
  const there<std::byte> from(device, std::size_t{1} << 28), to(device, std::size_t{1} << 28);
  const double time = median_time(
      [&] { cudaMemcpyAsync(to.data(), from.data(), 1 << 28, cudaMemcpyDeviceToDevice); });
  copied_bytes_in_a_second = 2 * from.bytes() / (time * 1e-6);
  say("a copy of 256 MiB", time, 2 * from.bytes());
}

void time_learning(cuda_device& device, std::uint32_t images)
{
  const anchor_layout layout(square_anchors::retinaface(), {640, 640});
  const table_shape shape{images, layout.size()};
  const auto part = [&](const there<float>& values, std::uint32_t width) {
    return output_view<>{values.data(), width, contiguous(shape, width)};
  };
  const there scores(device, drawn(shape.size() * 2, 2)), boxes(device, drawn(shape.size() * 4, 1)),
      points(device, drawn(shape.size() * 10, 1));
  const there<float> to_scores(device, shape.size() * 2), to_boxes(device, shape.size() * 4),
      to_points(device, shape.size() * 10);
  std::mt19937 random(2);
  std::uniform_real_distribution<float> unit(0, 1);
  std::vector<std::vector<instance<face5>>> faces(images);
  for (auto& image : faces)
    for (int t = 0; t < 10; ++t) {
      const float x = unit(random) * 0.8f, y = unit(random) * 0.8f, w = 0.02f + unit(random) / 6;
      instance<face5> face;
      face.bounds = {x, y, x + w, y + w};
      image.push_back(face);
    }
  truth_batch<face5> truths;
  truths.read(faces, 1, truth_reading::classes);
  team_objective<cuda_device, settings> objective(device, settings{}, overlap_matcher::retinaface(),
                                                  layout);
  const team_outputs<> said{part(scores, 2), part(boxes, 4), part(points, 10), {}};
  const double read = scores.bytes() + boxes.bytes() / 50 + points.bytes() / 50;
  say("matching, mining and terms, truths sent",
      median_time([&] { static_cast<void>(objective(said, truths)); }), read);
  const auto kept = objective(said, truths);
  say("their gradient", median_time([&] {
        objective.slopes(
            kept,
            {.scores = to_scores.data(), .boxes = to_boxes.data(), .points = to_points.data()});
      }),
      scores.bytes() + boxes.bytes() + points.bytes());
}

void time_suppression(cuda_device& device, std::uint32_t count)
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
  const there<box<float>> boxes_there(device, boxes);
  const there<candidate<float>> found_there(device, found);
  const there<std::uint32_t> counts(device, std::vector<std::uint32_t>{count, 0});
  const there<std::uint32_t> fates(device, std::size_t{count} + 1);
  const there<row_index> kept(device, count);
  const look_back<> program{boxes_there.data(),
                            found_there.data(),
                            counts.data(),
                            fates.data(),
                            fates.data() + count,
                            1,
                            count,
                            0.4f};
  say("suppression of sorted boxes", median_time([&] {
        device.clear(reinterpret_cast<std::byte*>(fates.data()),
                     (std::size_t{count} + 1) * sizeof(std::uint32_t));
        device.run(program.blocks(), program);
        device.run(1, collect_kept{fates.data(), counts.data(), kept.data(), counts.data() + 1,
                                   count, count});
      }),
      boxes_there.bytes() + found_there.bytes() + kept.bytes());
}

void time_planes(cuda_device& device, std::uint32_t images)
{
  const there<std::uint8_t> pixels(device, std::size_t{images} * 3 * 1280 * 1280);
  const there<float> planes(device, std::size_t{images} * 3 * 640 * 640);
  const frame how{{640, 640}, {1280, 1280}, 0.5, 0.5};
  std::vector<picture_plan> plans;
  for (std::size_t i = 0; i < images; ++i)
    plans.push_back(picture_plan::of(how, pixels.data() + i * 3 * 1280 * 1280, 3 * 1280));
  const there<picture_plan> plans_there(device, plans);
  write_planes<> program;
  program.plans = plans_there.data(), program.planes = planes.data();
  program.images = images, program.height = program.width = 640;
  say("pictures to planes", median_time([&] { device.run(program.blocks(), program); }),
      pixels.bytes() + planes.bytes());
}

}  // namespace

int main()
{
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) {
    std::puts("skipped: there is no CUDA device");
    return 0;
  }
  cuda_device device;
  time_copies(device);
  time_learning(device, 32);
  time_suppression(device, 20000);
  time_planes(device, 32);
}
