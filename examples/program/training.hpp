// SPDX-License-Identifier: Apache-2.0
// What the programs that train have in common: the recipe, the folder of a run, and going on with
// one. A program derives its arguments, and lists those of a run that are its own.
#pragma once

#include "augmentation.hpp"
#include "curves.hpp"
#include "numbers.hpp"
#include "process.hpp"
#include "shown_training.hpp"
#include "synthetic.hpp"
#include "written.hpp"

#include <retinue/detail/file.hpp>
#include <retinue/detail/json_text.hpp>
#include <retinue/error.hpp>
#include <retinue/image/files.hpp>
#include <retinue/models/device.hpp>
#include <retinue/models/process_group.hpp>
#include <retinue/train/checkpoints.hpp>
#include <retinue/train/initial_weights.hpp>
#include <retinue/train/log.hpp>
#include <retinue/train/observer.hpp>
#include <retinue/train/optimizers.hpp>
#include <retinue/train/schedules.hpp>
#include <retinue/train/together.hpp>
#include <retinue/train/trainer.hpp>
#include <retinue/weights/read_weights.hpp>

#include <torch/torch.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iostream>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

struct training_arguments {
  // Of the run: kept in its folder, and not to be given again with --resume.
  std::string began_in;  // the folder of the process that began it: names are relative to it
  std::string data, validate, validate_images, init, config, preset, optimizer = "sgd",
                                                                     schedule = "step";
  std::string precision = "float32", images;
  std::int64_t epochs = 250, warm_up = 0, save_every = 0;
  std::vector<double> milestones{0.76, 0.88};
  std::vector<double> class_weights;
  std::vector<std::string> augment;
  std::int64_t plain_epochs = 0;
  int size = 640;
  std::size_t batch = 32, parts = 1, scenes = 1024, keep = 3;
  double rate = 1e-3, clip = 0, average = 0;
  std::uint64_t seed = 1;
  bool freeze_body = false, strict = false, share_statistics = false;
  // Of the process.
  std::string out = "run", resume, device = "cpu", meet;
  int threads = 0, world = 0;
  std::optional<int> rank;
  std::size_t workers = 2, fetch_every = 0;
  bool graph = false;
};

/// The options of a run, each under its name; config and preset have a file of their own.
template <class Arguments, class Field>
void run_fields(Arguments& o, const Field& field)
{
  field("began-in", o.began_in);
  field("data", o.data);
  field("validate", o.validate);
  field("images", o.images);
  field("validate-images", o.validate_images);
  field("strict", o.strict);
  field("init", o.init);
  field("optimizer", o.optimizer);
  field("schedule", o.schedule);
  field("epochs", o.epochs);
  field("warm-up", o.warm_up);
  field("save-every", o.save_every);
  field("milestones", o.milestones);
  field("augment", o.augment);
  field("plain-epochs", o.plain_epochs);
  field("size", o.size);
  field("batch", o.batch);
  field("parts", o.parts);
  field("scenes", o.scenes);
  field("keep", o.keep);
  field("lr", o.rate);
  field("clip", o.clip);
  field("average", o.average);
  field("seed", o.seed);
  field("freeze-body", o.freeze_body);
  field("precision", o.precision);
  field("share-statistics", o.share_statistics);
  field("class-weights", o.class_weights);
}

/// --out, --resume, --init, --config, --preset, and the groups of the recipe and of the machine.
/// What they begin with is what `o` holds. --data and --validate are the program's, in its words.
inline void add_training_arguments(CLI::App& app, training_arguments& o, const std::string& presets)
{
  app.add_option("--images", o.images,
                 "Folder of the pictures of --data, if it is not the usual one");
  app.add_flag("--strict", o.strict, "Refuse data for their first bad truth, and leave none out");
  app.add_option("-o,--out", o.out, "Folder of the run")->check(any_name())->capture_default_str();
  app.add_option("--resume", o.resume,
                 "Go on with the run in this folder, by the options it began with")
      ->check(any_name());
  app.add_option("--init", o.init,
                 "Begin with these weights: a detector's, or a body's trained to classify, as "
                 "mobilenetV1X0.25_pretrain.tar");
  auto* config = app.add_option("--config", o.config, "JSON file that describes the network");
  app.add_option("--preset", o.preset, "Describe it by name instead: " + presets)->excludes(config);

  auto* g = app.add_option_group("Recipe");
  g->add_option("--epochs", o.epochs, "Times that every picture is seen")
      ->check(number_in(1, 1000000))
      ->capture_default_str();
  add_augmentation_option(*g, o.augment);
  g->add_option("--plain-epochs", o.plain_epochs,
                "The last epochs, in which --augment does nothing but zoom out")
      ->check(number_in(0, 1000000))
      ->capture_default_str();
  auto* size = g->add_option("--size", o.size, "Pictures become squares of this side")
                   ->check(number_in(32, 8192));
  if (o.size > 0) size->capture_default_str();
  g->add_option("--batch", o.batch, "Pictures of an update")
      ->check(number_in(1, 65536))
      ->capture_default_str();
  g->add_option("--parts", o.parts,
                "Send a batch through the network in so many parts, to save memory")
      ->check(number_in(1, 65536))
      ->capture_default_str();
  g->add_option("--lr", o.rate, "Learning rate")
      ->check(number_in(1e-12, 1e3))
      ->capture_default_str();
  g->add_option("--schedule", o.schedule, "Of the learning rate")
      ->check(CLI::IsMember({"step", "cosine", "constant"}))
      ->capture_default_str();
  g->add_option("--milestones", o.milestones,
                "Where in the run, 0 to 1, a step schedule takes a tenth (default 0.76 0.88)")
      ->check(number_in(0.0, 1.0))
      ->delimiter(',');
  g->add_option("--class-weights", o.class_weights,
                "How much classes count where labels are softmax: a number for the background and "
                "one for each class, in their order (default: 1 each)")
      ->check(number_in(0.0, 1e6))
      ->delimiter(',');
  g->add_option("--warm-up", o.warm_up, "Updates in which the rate rises to its full value")
      ->check(number_in(0, 1000000000))
      ->capture_default_str();
  g->add_option("--optimizer", o.optimizer, "sgd: momentum 0.9, decay 5e-4; adamw: decay 0.01")
      ->check(CLI::IsMember({"sgd", "adamw"}))
      ->capture_default_str();
  g->add_option("--average", o.average,
                "Decay of a moving average of the weights, as 0.999, which is then what is written "
                "and validated (default: none)")
      ->check(number_in(0.0, 0.999999));
  g->add_option("--clip", o.clip, "Largest norm of the gradient (default: any)")
      ->check(number_in(0.0, 1e9));
  g->add_option(
       "--precision", o.precision,
       "Of convolutions: bfloat16 is quicker where the processor or the device computes in "
       "it; float16 is for CUDA")
      ->check(CLI::IsMember({"float32", "bfloat16", "float16"}))
      ->capture_default_str();
  g->add_flag(
      "--share-statistics", o.share_statistics,
      "Of batch normalization, with other processes: of the whole batch, not of their parts");
  g->add_flag("--freeze-body", o.freeze_body, "Leave the body as --init has it");
  g->add_option("--scenes", o.scenes, "Scenes of an epoch, with 'synthetic'; drawn anew in each")
      ->check(number_in(1, 10000000))
      ->capture_default_str();
  g->add_option("--seed", o.seed, "Of the first weights, the order, the draws and the scenes")
      ->check(any_seed())
      ->capture_default_str();
  g->add_option("--save-every", o.save_every, "Updates between checkpoints (default: an epoch's)")
      ->check(number_in(0, 1000000000));
  g->add_option("--keep", o.keep, "Checkpoints that are kept")
      ->check(number_in(1, 1000000))
      ->capture_default_str();

  auto* m = app.add_option_group("Machine");
  m->add_option("--device", o.device, "cpu, cuda or cuda:N")->capture_default_str();
  m->add_option("--threads", o.threads, "Processor threads of the network (default: all)")
      ->check(thread_count());
  m->add_option("--workers", o.workers,
                "Threads that load pictures; the results do not depend on it")
      ->check(number_in(0, 1024))
      ->capture_default_str();

  m->add_option("--fetch-every", o.fetch_every,
                "Updates after which the numbers of the log come from the device, which is not "
                "waited for in between (default: 1 on a processor, 16 on CUDA)")
      ->check(number_in(1, 65536));
  m->add_flag("--graph", o.graph,
              "On CUDA, with softmax, mined negatives and smooth L1 losses: record an update once "
              "and play it again as a graph");

  auto* p = app.add_option_group("Processes", "Each has its part of every batch; the first writes");
  p->add_option("--world", o.world,
                "So many train together, each started with its --rank and the same options "
                "(default: WORLD_SIZE, as torchrun sets it with the rest, or one alone)")
      ->check(number_in(1, 65536));
  p->add_option("--rank", o.rank, "Which of them this is, from 0 (default: RANK)")
      ->check(number_in(0, 65535));
  p->add_option("--meet", o.meet,
                "HOST:PORT of the first, where they meet (default: MASTER_ADDR and MASTER_PORT, or "
                "127.0.0.1:29500)");
}

inline std::filesystem::path in_run(const training_arguments& o, const char* file)
{
  return std::filesystem::path(o.out) / file;
}

/// Throws where the command line would refuse that value of an option: types and ranges stand
/// there.
inline void check_kept_option(CLI::App& app, const std::string& name, const nlohmann::json& value)
{
  CLI::Option* const option = app.get_option_no_throw("--" + name);
  if (!option || value == "" || value == nlohmann::json::array()) return;  // not given
  option->clear();
  for (const auto& one : value.is_array() ? value : nlohmann::json::array({value}))
    option->add_result(one.is_string() ? one.get<std::string>() : one.dump());
  option->run_callback();
  option->clear();
}

/// A relative name is one of the folder in which the run began, or, where that is gone, of this.
inline void find_again(std::string& name, const std::filesystem::path& began_in)
{
  const std::filesystem::path given = name;
  if (name.empty() || name == synthetic || given.is_absolute() || began_in.empty()) return;
  std::error_code unknown;
  if (std::filesystem::exists(began_in / given, unknown)) name = (began_in / given).string();
}

/// With --resume: refuses options of the run, and takes those it began with from its folder. Call
/// it when the arguments are parsed. `fields(field)` lists them all, the program's own included.
template <class Fields>
void take_kept_arguments(CLI::App& app, training_arguments& o, const Fields& fields,
                         std::set<std::string> also_allowed = {})
{
  if (o.resume.empty()) return;
  also_allowed.merge(std::set<std::string>{"--resume", "--device", "--threads", "--workers",
                                           "--fetch-every", "--graph", "--world", "--rank",
                                           "--meet", "--help"});
  const auto refuse_others = [&](const CLI::App& group) {
    for (const CLI::Option* given : group.get_options())
      if (given->count() > 0 && !also_allowed.contains(given->get_name()))
        retinue::fail("--resume goes on by the options of the run, and ", given->get_name(),
                      " is one of them");
  };
  refuse_others(app);
  for (const CLI::App* group : app.get_subcommands([](const CLI::App*) { return true; }))
    refuse_others(*group);
  o.out = o.resume;
  const auto file = in_run(o, "options.json");
  if (!std::filesystem::exists(file))
    retinue::fail("--resume ", o.resume, ": there is no run, for ", file.string(), " is missing");
  const auto bytes = retinue::detail::read_file(file);
  const auto tree = retinue::detail::parse_json<nlohmann::json>(retinue::detail::characters(bytes),
                                                                file.string());
  const nlohmann::json& kept = *tree;
  if (!kept.is_object())
    retinue::fail(file.string(), ": not the options of a run, for it is no JSON object");
  std::set<std::string> others;
  for (const auto& [name, value] : kept.items()) others.insert(name);
  // Runs that were begun before these were options go on without them.
  const std::set<std::string> later{"share-statistics", "augment",         "plain-epochs",
                                    "class-weights",    "validate-images", "test-images",
                                    "began-in"};
  const std::set<std::string> files{"data",        "images",          "init",    "test",
                                    "test-images", "validate-images", "validate"};
  fields([&](const char* name, auto& value) {
    const auto said = kept.find(name);
    if (said == kept.end() && later.contains(name)) return;
    if (said == kept.end())
      retinue::fail(file.string(), ": not the options of a run of ", app.get_name(), ", for ", name,
                    " is missing");
    others.erase(name);
    try {
      check_kept_option(app, name, *said);
      said->get_to(value);
      if constexpr (std::is_same_v<decltype(value), std::string&>)
        if (files.contains(name)) find_again(value, o.began_in);
    } catch (const std::exception&) {
      retinue::fail(file.string(), ": ", name, " is ", retinue::detail::in_quotes(said->dump()),
                    ", which --", name, " does not take");
    }
  });
  if (!others.empty())
    retinue::fail(file.string(), ": not the options of a run of ", app.get_name(),
                  ", which knows no ", retinue::detail::in_quotes(*others.begin()));
  o.config = in_run(o, "config.json").string();
}

/// Throws where process 0 trains with something else: "another configuration" of that text.
inline void check_alike(const training_arguments& o, retinue::process_group& group,
                        const std::string& what, const std::string& exact = "")
{
  retinue::detail::together(&group, retinue::find_device(o.device)).check_alike(what, exact);
}

/// The same of the options of a run, but for files, which may lie elsewhere, and for what only
/// process 0 does.
template <class Fields>
void check_options_alike(const training_arguments& o, retinue::process_group& group,
                         const Fields& fields)
{
  const std::set<std::string> of_one{"began-in",        "data",        "validate", "images",
                                     "strict",          "init",        "subset",   "test",
                                     "validate-images", "test-images", "keep",     "save-every"};
  check_alike(o, group, o.resume.empty() ? "a run that begins" : "--resume");
  check_alike(o, group, "--fetch-every " + std::to_string(o.fetch_every));
  fields([&](const std::string& name, const auto& value) {
    if (!of_one.contains(name))
      check_alike(o, group, "--" + name + " " + nlohmann::json(value).dump());
  });
}

/// sgd or adamw.
struct chosen_optimizer {
  std::variant<retinue::sgd, retinue::adamw> chosen;

  void operator()(std::int64_t update, double rate)
  {
    std::visit([&](auto& o) { o(update, rate); }, chosen);
  }
  void operator()(const at::Tensor& update, const at::Tensor& rate)
  {
    std::visit([&](auto& o) { o(update, rate); }, chosen);
  }
  [[nodiscard]] retinue::named_tensors state() const
  {
    return std::visit([](const auto& o) { return o.state(); }, chosen);
  }
  [[nodiscard]] std::vector<at::Tensor> parameters() const
  {
    return std::visit([](const auto& o) { return o.parameters(); }, chosen);
  }
};

inline chosen_optimizer optimizer_of(const training_arguments& o, torch::nn::Module& network)
{
  if (o.optimizer == "adamw") return {retinue::adamw(network)};
  return {retinue::sgd(network)};
}

using any_rate = std::function<double(std::int64_t)>;

inline retinue::warmed_up<any_rate> rate_of(const training_arguments& o, std::int64_t steps)
{
  any_rate rate = retinue::constant_rate{o.rate};
  if (o.schedule == "cosine") rate = retinue::cosine_rate{o.rate, 0, steps};
  if (o.schedule == "step") {
    retinue::step_rate falling{o.rate, 0.1, {}};
    for (const double m : o.milestones)
      falling.milestones.push_back(std::llround(m * static_cast<double>(steps)));
    std::ranges::sort(falling.milestones);
    rate = falling;
  }
  return {rate, o.warm_up};
}

/// What --augment asks for, and until when.
[[nodiscard]] inline augmentation_argument augmentation_of(const training_arguments& o)
{
  return {o.augment,
          static_cast<std::uint64_t>(std::max<std::int64_t>(0, o.epochs - o.plain_epochs))};
}

/// Begins a new network with --init, and brings it to --device; a run that goes on has its weights.
template <class Network>
void prepare_network(Network& network, const training_arguments& o)
{
  if (!o.init.empty() && o.resume.empty()) {
    const auto anew = retinue::begin_from(network, retinue::read_weights(o.init), o.init);
    std::cerr << o.init << ": taken, but for " << anew.size() << " tensors that begin anew"
              << (anew.empty() ? "" : ": " + retinue::detail::few_of(anew)) << "\n";
  }
  network.to(retinue::find_device(o.device));
  if (o.freeze_body) retinue::freeze(*network.backbone());
}

/// What the trainer is to know; the caller adds how to validate.
inline retinue::training_settings settings_of(const training_arguments& o,
                                              const std::string& config,
                                              retinue::training_observer& observer,
                                              retinue::process_group* group)
{
  const at::Device device = retinue::find_device(o.device);
  const std::size_t fetch_every = device.is_cuda() ? 16 : 1;
  return {.epochs = o.epochs,
          .batch = o.batch,
          .parts = o.parts,
          .workers = o.workers,
          .seed = o.seed,
          .clip = o.clip,
          .average = o.average,
          .compute = o.precision == "bfloat16"  ? retinue::precision::bfloat16
                     : o.precision == "float16" ? retinue::precision::float16
                                                : retinue::precision::float32,
          .freeze_body = o.freeze_body,
          .save_every = o.save_every,
          .keep = o.keep,
          .config = config,
          .device = device,
          .fetch_every = o.fetch_every > 0 ? o.fetch_every : fetch_every,
          .observer = &observer,
          .group = group,
          .share_statistics = o.share_statistics};
}

/// What a run writes into its folder, beside its checkpoints.
inline constexpr std::array files_of_run{"options.json",        "config.json",      "log.jsonl",
                                         "weights.safetensors", "best.safetensors", "curves.png",
                                         "precision_recall.png"};

/// Throws where a run that begins would replace what it reads, or what is no run's. A run that
/// ended before its first checkpoint left its options there, and is begun anew.
inline void refuse_to_overwrite(const training_arguments& o,
                                std::span<const std::filesystem::path> read)
{
  std::vector<written_file> written;
  for (const char* file : files_of_run) written.push_back({"--out", in_run(o, file)});
  refuse_to_replace(read, written);
  if (std::filesystem::exists(in_run(o, "options.json"))) {
    const auto checkpoints = in_run(o, "checkpoints");
    if (std::filesystem::is_directory(checkpoints) &&
        retinue::checkpoint_folder(checkpoints).latest())
      return;  // said later
    for (const char* weights : {"weights.safetensors", "best.safetensors"})
      if (std::filesystem::exists(in_run(o, weights)))
        retinue::fail("--out ", o.out, ": there is a ", weights,
                      " of a run whose checkpoints are gone, which a run would replace; expected "
                      "another folder");
    return;
  }
  for (const written_file& file : written)
    if (std::filesystem::exists(file.name))
      retinue::fail("--out ", o.out, ": there is a ", file.name.filename().string(),
                    " of no run, which a run would replace; expected another folder");
}

/// Begins the run in its folder or goes on with it, trains, and says how far it came, where this is
/// the process that `writes`. `fields` are those of take_kept_arguments.
template <class Trainer, class Source, class Fields>
retinue::training_report train(const training_arguments& o, Trainer& run, const Source& source,
                               const std::string& config, bool writes, const Fields& fields)
{
  if (!o.resume.empty()) {
    const auto step = run.resume();
    if (writes) std::cerr << "going on from update " << step << "\n";
  } else if (writes) {
    if (retinue::checkpoint_folder(in_run(o, "checkpoints")).latest())
      retinue::fail(o.out, " holds a run already: --resume ", o.out,
                    " goes on with it, --out names another");
    nlohmann::ordered_json kept;
    fields([&](const char* name, const auto& value) { kept[name] = value; });
    retinue::write_text(in_run(o, "options.json"), kept.dump(2) + "\n");
    retinue::write_text(in_run(o, "config.json"), config + "\n");
  }
  const std::size_t batch = std::min(o.batch, std::max<std::size_t>(1, source.size()));
  const auto report =
      run(source, rate_of(o, o.epochs * static_cast<std::int64_t>(source.size() / batch)));
  if (!writes) return report;

  const auto lines = retinue::read_log(in_run(o, "log.jsonl"));
  if (!lines.empty()) retinue::write_image(in_run(o, "curves.png"), retinue::draw_losses(lines));
  std::cerr << report.step << " of " << report.steps << " updates done";
  if (report.skipped > 0) std::cerr << ", " << report.skipped << " pictures could not be read";
  if (report.best) std::cerr << ", best AP " << *report.best;
  std::cerr << "; weights: "
            << retinue::detail::printable(in_run(o, "weights.safetensors").string()) << "\n";
  if (!report.finished()) std::cerr << "stopped: --resume " << o.out << " goes on\n";
  return report;
}
