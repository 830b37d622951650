// SPDX-License-Identifier: Apache-2.0
// Trains a RetinaFace: on labelled photos, or on scenes that it draws itself.
//
//   retinaface_train --data synthetic --size 192 --epochs 20 --out run
//   retinaface_detect --weights run/weights.safetensors --image photo.jpg --overlay found.jpg
#include <retinue/augment/presets.hpp>
#include <retinue/data/retinaface_labels.hpp>
#include <retinue/data/scenes.hpp>
#include <retinue/error.hpp>
#include <retinue/evaluate/voc.hpp>
#include <retinue/io/config.hpp>
#include <retinue/io/images.hpp>
#include <retinue/io/weights.hpp>
#include <retinue/models/detector.hpp>
#include <retinue/models/process.hpp>
#include <retinue/train/augmented_source.hpp>
#include <retinue/train/curves.hpp>
#include <retinue/train/initial_weights.hpp>
#include <retinue/train/objective.hpp>
#include <retinue/train/trainer.hpp>

#include <torch/torch.h>
#include <CLI/CLI.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace fs = std::filesystem;
using namespace retinue;

namespace {

constexpr const char* synthetic = "synthetic";

struct arguments {
  // Of the run: kept in its folder, and not to be given again with --resume.
  std::string data, validate, init, config, preset, optimizer = "sgd", schedule = "step";
  std::int64_t epochs = 250, warm_up = 0, save_every = 0;
  std::vector<double> milestones{0.76, 0.88};
  int size = 640;
  std::size_t batch = 32, parts = 1, scenes = 1024, keep = 3;
  double rate = 1e-3, clip = 0, average = 0;
  std::uint64_t seed = 1;
  bool freeze_body = false;
  // Of the process.
  std::string out = "run", resume, device = "cpu";
  int threads = 0;
  std::size_t workers = 2;
};

/// The arguments of a run, each under its name.
template <class Arguments, class Field>
void of_run(Arguments& a, const Field& field)
{
  field("data", a.data);
  field("validate", a.validate);
  field("init", a.init);
  field("optimizer", a.optimizer);
  field("schedule", a.schedule);
  field("epochs", a.epochs);
  field("warm-up", a.warm_up);
  field("save-every", a.save_every);
  field("milestones", a.milestones);
  field("size", a.size);
  field("batch", a.batch);
  field("parts", a.parts);
  field("scenes", a.scenes);
  field("keep", a.keep);
  field("lr", a.rate);
  field("clip", a.clip);
  field("average", a.average);
  field("seed", a.seed);
  field("freeze-body", a.freeze_body);
}

void write_text(const fs::path& file, const std::string& text)
{
  const std::array<retinue::detail::byte_view, 1> parts{std::as_bytes(std::span(text))};
  retinue::detail::replace_file(file, parts);
}

arguments parse(CLI::App& app, int count, char** values)
{
  arguments a;
  app.add_option("-d,--data", a.data,
                 "RetinaFace's label.txt, or a folder with one; 'synthetic' draws faces instead");
  app.add_option("--validate", a.validate,
                 "Another label.txt: its AP is printed after each epoch, and the best weights are "
                 "kept. 64 scenes of their own with 'synthetic'");
  app.add_option("-o,--out", a.out, "Folder of the run")->capture_default_str();
  auto* resume = app.add_option("--resume", a.resume,
                                "Go on with the run in this folder, by the options it began with");
  app.add_option("--init", a.init,
                 "Begin with these weights: a detector's, or a body's trained to classify, as "
                 "mobilenetV1X0.25_pretrain.tar");
  auto* config = app.add_option("--config", a.config, "JSON file that describes the network");
  app.add_option("--preset", a.preset,
                 "Describe it by name instead (default mobilenet0.25, with ReLU)")
      ->excludes(config);

  auto* g = app.add_option_group("Recipe");
  g->add_option("--epochs", a.epochs, "Times that every picture is seen")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  g->add_option("--size", a.size, "Pictures are cropped and scaled to squares of this side")
      ->check(CLI::Range(32, 8192))
      ->capture_default_str();
  g->add_option("--batch", a.batch, "Pictures of an update")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  g->add_option("--parts", a.parts,
                "Send a batch through the network in so many parts, to save memory")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  g->add_option("--lr", a.rate, "Learning rate")->check(CLI::PositiveNumber)->capture_default_str();
  g->add_option("--schedule", a.schedule, "Of the learning rate")
      ->check(CLI::IsMember({"step", "cosine", "constant"}))
      ->capture_default_str();
  g->add_option("--milestones", a.milestones,
                "Where in the run, 0 to 1, a step schedule takes a tenth (default 0.76 0.88)")
      ->check(CLI::Range(0.0, 1.0));
  g->add_option("--warm-up", a.warm_up, "Updates in which the rate rises to its full value")
      ->check(CLI::Range(0, 1000000000))
      ->capture_default_str();
  g->add_option("--optimizer", a.optimizer, "sgd: momentum 0.9, decay 5e-4; adamw: decay 0.01")
      ->check(CLI::IsMember({"sgd", "adamw"}))
      ->capture_default_str();
  g->add_option("--average", a.average,
                "Decay of a moving average of the weights, as 0.999, which is then what is written "
                "and validated (default: none)")
      ->check(CLI::Range(0.0, 0.999999));
  g->add_option("--clip", a.clip, "Largest norm of the gradient (default: any)")
      ->check(CLI::NonNegativeNumber);
  g->add_flag("--freeze-body", a.freeze_body, "Leave the body as --init has it");
  g->add_option("--scenes", a.scenes, "Scenes of an epoch, with 'synthetic'; drawn anew in each")
      ->check(CLI::Range(1, 10000000))
      ->capture_default_str();
  g->add_option("--seed", a.seed, "Of the first weights, the order, the draws and the scenes")
      ->capture_default_str();
  g->add_option("--save-every", a.save_every, "Updates between checkpoints (default: an epoch's)")
      ->check(CLI::Range(0, 1000000000));
  g->add_option("--keep", a.keep, "Checkpoints that are kept")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();

  auto* p = app.add_option_group("Machine");
  p->add_option("--device", a.device, "cpu, cuda or cuda:N")->capture_default_str();
  p->add_option("--threads", a.threads, "Processor threads of the network (default: all)")
      ->check(CLI::Range(1, 1024));
  p->add_option("--workers", a.workers,
                "Threads that load pictures; the results do not depend on it")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.footer(
      "The folder of a run holds weights.safetensors (for retinaface_detect), best.safetensors,\n"
      "checkpoints/, log.jsonl, curves.png and the options. Ctrl-C saves and ends; --resume goes "
      "on\n"
      "as if nothing had happened, on the CPU to the last bit with the same --threads.\n\n"
      "Exit codes: 0 trained to the end, 1 stopped by a signal and saved, 2 nothing could be "
      "done.");
  app.parse(count, values);

  if (resume->count() > 0) {
    const std::set<std::string> allowed{"--resume", "--device", "--threads", "--workers"};
    for (const CLI::Option* o : app.get_options())
      if (o->count() > 0 && !allowed.contains(o->get_name()) && o->get_name() != "--help")
        fail("--resume goes on by the options of the run, and ", o->get_name(), " is one of them");
    for (const auto* group : {g, p})
      for (const CLI::Option* o : group->get_options())
        if (o->count() > 0 && !allowed.contains(o->get_name()))
          fail("--resume goes on by the options of the run, and ", o->get_name(),
               " is one of them");
    a.out = a.resume;
    const fs::path file = fs::path(a.out) / "options.json";
    const auto bytes = retinue::detail::read_file(file);
    try {
      const auto kept = nlohmann::json::parse(retinue::detail::characters(bytes));
      of_run(a, [&](const char* name, auto& value) { kept.at(name).get_to(value); });
    } catch (const nlohmann::json::exception&) {
      fail(file.string(), ": not the options of a run");
    }
    a.config = (fs::path(a.out) / "config.json").string();
  } else if (a.data.empty()) {
    fail("--data is missing: a label.txt, or 'synthetic'; --help says more");
  }
  return a;
}

detector_config config_of(const arguments& a)
{
  if (!a.config.empty()) return read_config(a.config);
  if (!a.preset.empty()) return find_preset(a.preset);
  detector_config public_network;
  public_network.name = "retinaface";
  return public_network;
}

fs::path labels_in(const std::string& data)
{
  return fs::is_directory(data) ? fs::path(data) / "label.txt" : fs::path(data);
}

/// sgd or adamw.
struct chosen_optimizer {
  std::variant<sgd, adamw> chosen;

  void operator()(std::int64_t update, double rate)
  {
    std::visit([&](auto& o) { o(update, rate); }, chosen);
  }
  [[nodiscard]] named_tensors state() const
  {
    return std::visit([](const auto& o) { return o.state(); }, chosen);
  }
  [[nodiscard]] std::vector<at::Tensor> parameters() const
  {
    return std::visit([](const auto& o) { return o.parameters(); }, chosen);
  }
};

using any_rate = std::function<double(std::int64_t)>;

any_rate rate_of(const arguments& a, std::int64_t steps)
{
  any_rate rate = constant_rate{a.rate};
  if (a.schedule == "cosine") rate = cosine_rate{a.rate, 0, steps};
  if (a.schedule == "step") {
    step_rate falling{a.rate, 0.1, {}};
    for (const double m : a.milestones)
      falling.milestones.push_back(std::llround(m * static_cast<double>(steps)));
    std::ranges::sort(falling.milestones);
    rate = falling;
  }
  return warmed_up<any_rate>{rate, a.warm_up};
}

template <landmark_schema Schema>
using reader = std::function<labelled_picture<Schema>(std::uint64_t, std::size_t)>;

template <landmark_schema Schema>
struct pictures {
  std::size_t count = 0;
  reader<Schema> read;
};

template <landmark_schema Schema>
pictures<Schema> drawn(std::uint64_t seed, std::size_t count, int side)
{
  if constexpr (std::same_as<Schema, schemas::face5>) {
    const scene_options how{.size = {side, side}, .largest = 0.6 * side};
    return {count, [=](std::uint64_t epoch, std::size_t i) -> labelled_picture<Schema> {
              auto made = draw_faces(seed, epoch * count + i, how);
              return {"scene " + std::to_string(i), made.picture, std::move(made.instances)};
            }};
  } else {
    fail("drawn faces have 5 landmarks, the network has ", Schema::count);
  }
}

template <landmark_schema Schema>
pictures<Schema> labelled(const std::string& data)
{
  auto set = read_retinaface_labels<Schema>(labels_in(data), {.on_bad_truth = bad_truths::skip});
  if (!set.skipped.empty())
    std::cerr << set.skipped.size() << " truths are left out; the first: " << set.skipped[0]
              << "\n";
  const std::size_t count = set.samples.size();
  return {count, pictures_of<Schema>{std::move(set)}};
}

/// AP at overlap 0.5 of weights, on pictures scaled to `side`.
template <landmark_schema Schema>
double precision_of(const state_dict& weights, const detector_config& config,
                    const pictures<Schema>& set, int side)
{
  retinaface<Schema> network(network_options(config));
  load(network, weights);
  network.eval();
  retinaface_detector<Schema> detect(network, config);
  voc_evaluation evaluation({.inclusive_pixels = false});
  std::vector<std::vector<detection<Schema>>> found;
  for (std::size_t i = 0; i < set.count; ++i) {
    const auto from = set.read(0, i);
    const frame how = fit_long_side({from.picture.rows, from.picture.cols}, side);
    cv::Mat scaled = from.picture;
    if (how.input != how.original)
      cv::resize(from.picture, scaled, {how.input.width, how.input.height});
    at::Tensor planes = at::empty({1, 3, how.input.height, how.input.width});
    to_planes(scaled, config.input, planes.data_ptr<float>());
    detect(planes, std::span(&how, 1), found);
    evaluation.add(found[0], from.instances);
  }
  return evaluation.result().mean.value_or(0);
}

template <landmark_schema Schema>
int train(const arguments& a, const detector_config& config)
{
  const at::Device device(a.device);
  torch::manual_seed(a.seed);
  auto network = std::make_shared<retinaface<Schema>>(network_options(config));
  if (!a.init.empty() && a.resume.empty()) {
    const auto anew = begin_from(*network, read_weights(a.init), a.init);
    std::cerr << a.init << ": taken, but for " << anew.size() << " tensors that begin anew"
              << (anew.empty() ? "" : ": " + retinue::detail::few_of(anew)) << "\n";
  }
  network->to(device);
  if (a.freeze_body) freeze(*network->backbone());

  const bool draws = a.data == synthetic;
  const auto set = draws ? drawn<Schema>(a.seed, a.scenes, a.size) : labelled<Schema>(a.data);
  const augmented_source<Schema, reader<Schema>, decltype(retinaface_augmentation(0))> source(
      set.count, set.read, retinaface_augmentation(a.size), config.input, a.seed);

  training_settings settings{.epochs = a.epochs,
                             .batch = a.batch,
                             .parts = a.parts,
                             .workers = a.workers,
                             .seed = a.seed,
                             .clip = a.clip,
                             .average = a.average,
                             .freeze_body = a.freeze_body,
                             .save_every = a.save_every,
                             .keep = a.keep,
                             .config = to_json(config),
                             .device = device};
  pictures<Schema> held_out;
  if (!a.validate.empty()) held_out = labelled<Schema>(a.validate);
  if (a.validate.empty() && draws) held_out = drawn<Schema>(~a.seed, 64, a.size);
  if (held_out.count > 0)
    settings.validate = [&](const state_dict& weights) {
      const double ap = precision_of(weights, config, held_out, a.size);
      std::printf("AP at overlap 0.5 on %zu held-out pictures: %.4f\n", held_out.count, ap);
      std::fflush(stdout);
      return ap;
    };

  typename fused_multibox_loss<Schema>::settings loss;
  loss.classes = config.classes.size() + 1;
  loss.code = config.coder;
  const auto optimizer = [&]() -> chosen_optimizer {
    if (a.optimizer == "adamw") return {adamw(*network)};
    return {sgd(*network)};
  };
  trainer run(network, objective<Schema>(config.anchors, overlap_matcher::retinaface(), loss),
              optimizer(), a.out, settings);
  if (!a.resume.empty()) {
    std::cerr << "going on from update " << run.resume() << "\n";
  } else {
    if (checkpoint_folder(fs::path(a.out) / "checkpoints").latest())
      fail(a.out, " holds a run already: --resume ", a.out,
           " goes on with it, --out names another");
    nlohmann::ordered_json kept;
    of_run(a, [&](const char* name, const auto& value) { kept[name] = value; });
    write_text(fs::path(a.out) / "options.json", kept.dump(2) + "\n");
    write_text(fs::path(a.out) / "config.json", to_json(config) + "\n");
  }
  const std::size_t batch = std::min(a.batch, set.count);
  const auto steps = a.epochs * static_cast<std::int64_t>(set.count / batch);
  const training_report report = run(source, rate_of(a, steps));

  const auto lines = read_log(fs::path(a.out) / "log.jsonl");
  if (!lines.empty()) write_image(fs::path(a.out) / "curves.png", draw_curves(lines));
  std::cerr << report.step << " of " << report.steps << " updates done";
  if (report.skipped > 0) std::cerr << ", " << report.skipped << " pictures could not be read";
  if (report.best) std::cerr << ", best AP " << *report.best;
  std::cerr << "; weights: " << (fs::path(a.out) / "weights.safetensors").string() << "\n";
  if (!report.finished()) std::cerr << "stopped: --resume " << a.out << " goes on\n";
  return report.finished() ? 0 : 1;
}

int train_any(const arguments& a)
{
  use_threads(a.threads);
  keep_freed_memory();
  cv::setNumThreads(1);  // the workers are the threads
  const detector_config config = config_of(a);
  int code = 2;
  const bool known = with_schema_of(config.landmarks,
                                    [&]<class Schema>(Schema) { code = train<Schema>(a, config); });
  if (!known)
    fail("the network has ", config.landmarks,
         " landmarks; this program is compiled for 0, 1, 4, 5, 17, 68 and 98: add a schema to "
         "retinue::schemas::shipped");
  return code;
}

}  // namespace

int main(int count, char** values)
{
  CLI::App app("Trains a RetinaFace: on labelled photos, or on scenes that it draws itself.");
  try {
    return train_any(parse(app, count, values));
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const c10::Error& e) {
    std::cerr << "retinaface_train: " << e.what_without_backtrace() << "\n";
  } catch (const std::exception& e) {
    std::cerr << "retinaface_train: " << e.what() << "\n";
  }
  return 2;
}
