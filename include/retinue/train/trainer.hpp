// SPDX-License-Identifier: Apache-2.0
// A training run: samples in, checkpoints out, and the same bytes however often it was interrupted.
//
//   objective<multibox_settings<schemas::face5>> cost(anchors);
//   trainer run(network, cost, sgd(*network), "runs/1", settings);
//   run.resume();    // if it is to go on from a checkpoint
//   run(source, step_rate{.base = 1e-3, .milestones = {...}});
//
// The number of updates made is all there is to know of a position: order, draws and rates are
// functions of it. So they are of the number of processes, which share every batch between them
// where settings name a group: each then has a network of its own, and the same weights after every
// update. Process 0 alone writes. The folder of the run then holds
//
//   checkpoints/step-*.safetensors    to go on from: the last few
//   weights.safetensors               the network, averaged if it is: what other programs load
//   best.safetensors                  the weights that validated best
//   log.jsonl                         one line for each update
//   lock                              held by the process that trains here
#pragma once

#include <retinue/error.hpp>                // fail
#include <retinue/models/batch_norm.hpp>    // share_statistics
#include <retinue/models/load.hpp>          // named_state
#include <retinue/models/network.hpp>       // network_outputs
#include <retinue/train/batches.hpp>        // collate, names_of
#include <retinue/train/checkpoints.hpp>    // checkpoint_folder
#include <retinue/train/deferred.hpp>       // deferred_line
#include <retinue/train/device_update.hpp>  // device_update
#include <retinue/train/gradient_sums.hpp>  // gradient_sums
#include <retinue/train/log.hpp>            // log_writer
#include <retinue/train/objective.hpp>      // batch_counts
#include <retinue/train/observer.hpp>       // training_observer
#include <retinue/train/optimizers.hpp>     // optimizer, clip_gradients
#include <retinue/train/ordered_queue.hpp>  // ordered_queue
#include <retinue/train/precision.hpp>      // autocast_scope
#include <retinue/train/run_lock.hpp>       // run_lock
#include <retinue/train/run_state.hpp>      // run_state
#include <retinue/train/samples.hpp>        // sample_source
#include <retinue/train/schedules.hpp>      // schedule
#include <retinue/train/settings.hpp>       // training_settings
#include <retinue/train/side_by_side.hpp>   // each_run, gathered_gradients
#include <retinue/train/side_copies.hpp>    // side_copies
#include <retinue/train/stop_signal.hpp>    // stop_signal
#include <retinue/train/together.hpp>       // together
#include <retinue/weights/safetensors.hpp>  // read_safetensors, write_safetensors

#include <torch/torch.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace retinue {

namespace detail {
/// An objective that can tell what a whole batch is divided by before it has gone through.
template <class Objective, class Schema>
concept counts_batches =
    requires(Objective& o, extent2 image, const network_outputs& said,
             std::span<const std::vector<instance<Schema>>> truths, const batch_counts* whole) {
      { o.count(image, said.maps, truths) } -> std::same_as<batch_counts>;
      o(said, image, truths, whole);
    };

/// Whether this one does: where that is known at run time alone, it says so itself.
template <class Schema, class Objective>
[[nodiscard]] bool counts_ahead(const Objective& objective)
{
  if constexpr (!counts_batches<Objective, Schema>)
    return false;
  else if constexpr (requires { objective.counts_ahead(); })
    return objective.counts_ahead();
  else
    return true;
}

/// An objective that learns the landmarks of another schema than the network finds.
template <class Objective, class Network>
concept of_other_landmarks = requires { typename Objective::schema; } &&
                             !std::same_as<typename Objective::schema, typename Network::schema>;
}  // namespace detail

/// The loop of a training run: it loads, updates, saves, goes on where it stopped, and reports.
template <class Network, class Objective, optimizer Optimizer>
class trainer {
  static_assert(
      detection_network<Network>,
      "a network to be trained is a torch::nn::Module with a landmark schema, `schema`, and "
      "a forward(images) that returns network_outputs: see retinue/models/network.hpp");
  static_assert(!detail::of_other_landmarks<Objective, Network>,
                "a network and what it is trained for must have one schema: objective<"
                "multibox_settings<Schema>> of the network's own schema");

 public:
  /// The optimizer must be of this network, which is moved to the device beforehand. Throws where
  /// another trainer has the folder; where epochs, batch, parts or fetch_every are less than 1, or
  /// parts more than the batch; and where network, group or device have not what the settings ask.
  trainer(std::shared_ptr<Network> network, Objective objective, Optimizer optimize,
          std::filesystem::path folder, training_settings settings)
      : run_{std::move(network), std::move(optimize)},
        objective_(std::move(objective)),
        folder_(std::move(folder)),
        settings_(checked(std::move(settings), objective_)),
        together_(settings_.group, settings_.device),
        send_(settings_.device)
  {
    const auto& s = settings_;
    run_.lay_out();
    if (writes()) {
      checkpoints_.emplace(folder_ / "checkpoints", s.keep);
      lock_.emplace(folder_);
    }
    if (s.group) {
      check_alike();
      together_.take_first(detail::named_state(*run_.network));
      sums_ = std::make_unique<gradient_sums>(run_.optimize.parameters(), *s.group);
      if (s.share_statistics) share_statistics(*run_.network, s.group);
    }
    run_.begin(s);
  }

  /// Goes on from the newest checkpoint that is whole; damaged ones after it are renamed, and the
  /// observer is told. Returns its update, or throws where there is none. Of several processes,
  /// process 0 reads, and the others take what it has.
  std::int64_t resume()
  {
    on_device_.reset();
    if (writes()) run_.step = resume_here();
    if (!together_.alone()) run_.take_first(together_);
    return run_.step;
  }

  /// Trains to the end of the last epoch, or until a stop_signal. A sample that cannot be read
  /// is reported, left out and counted. Throws where 100 or two batches of them in a row cannot,
  /// or all of the first epoch or of two others; where a loss or the gradient is not finite: with
  /// the term, the samples at fault and the names of the batch; and instead of writing weights that
  /// are not finite.
  template <sample_source Source, schedule Rate>
  training_report operator()(const Source& source, const Rate& rate)
  {
    const std::size_t batch = std::min(settings_.batch, source.size());
    if (batch == 0) fail("there is nothing to train on: the source has no samples");
    const std::size_t in_epoch = source.size() / batch;  // what is left over has its turn next time
    const std::size_t of = together_.processes(), rank = together_.rank();
    if (batch < of)
      fail("a batch of ", batch, " cannot be shared by ", of,
           " processes, expected a sample or more for each");
    const std::size_t from = rank * batch / of;  // this process's part of a batch
    const std::size_t own = (rank + 1) * batch / of - from;
    whole_ = own;
    check_order(source.size());
    training_report report{run_.step, settings_.epochs * static_cast<std::int64_t>(in_epoch), 0,
                           run_.best, 0};
    std::optional<log_writer> log;
    if (writes()) open(log);
    tell([&](training_observer& o) { o.began(run_.step, report.steps); });
    const stop_signal stop;
    const std::int64_t first = run_.step;
    std::int64_t saved = first;
    std::size_t patience =
        std::min((first > 0 ? 2 : 1) * in_epoch * own, std::max<std::size_t>(2 * own, 100));
    std::size_t bad_in_a_row = 0;

    while (run_.step < report.steps && report.signal == 0) {
      const auto epoch = static_cast<std::uint64_t>(run_.step) / in_epoch;
      const auto done = static_cast<std::size_t>(run_.step) % in_epoch;
      const auto order = epoch_order(source.size(), settings_.seed, epoch);
      using sample_type = training_sample<typename Source::schema>;
      ordered_queue<sample_type> queue(
          done * own, in_epoch * own, settings_.workers, 2 * own,
          [&](std::size_t i) { return source(epoch, order[i / own * batch + from + i % own]); });
      for (std::size_t b = done; b < in_epoch; ++b) {
        const auto began = std::chrono::steady_clock::now();
        std::vector<sample_type> samples;
        for (std::size_t k = 0; k < own && !stop.came(); ++k) try {
            samples.push_back(*queue.next());
            bad_in_a_row = 0;  // a good one of few may come first, and in the next epoch last
            patience = std::min(2 * in_epoch * own, std::max<std::size_t>(2 * own, 100));
          } catch (const error& e) {
            ++report.skipped;
            tell([&](training_observer& o) { o.skipped(e.what()); });
            if (++bad_in_a_row == patience)
              fail("none of ", patience, " samples in a row could be read; the last: ", e.what());
          }
        const double at_rate = rate(run_.step);
        const detail::next_update agreed = together_.agree(samples.size(), stop.came(), at_rate);
        report.signal = agreed.signal;
        if (report.signal != 0) break;
        log_line line{
            .step = run_.step, .epoch = static_cast<std::int64_t>(epoch), .rate = at_rate};
        if (agreed.samples > 0) update(samples, agreed.samples, line);
        ++run_.step;
        line.images_per_second =
            static_cast<double>(agreed.samples) /
            std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
        if (defers() && agreed.samples > 0) {
          pending_.back().line.images_per_second = line.images_per_second;
          if (pending_.size() >= settings_.fetch_every) publish_pending(log);
        } else {
          publish_pending(log);
          if (log && agreed.samples > 0) log->add(line);
          tell([&](training_observer& o) { o.updated(line); });
        }
        const bool saves = settings_.save_every > 0 && run_.step % settings_.save_every == 0;
        if (saves || b + 1 == in_epoch) publish_pending(log);
        if (saves && b + 1 < in_epoch) {
          save();
          saved = run_.step;
        }
      }
      if (static_cast<std::size_t>(run_.step) % in_epoch == 0 && run_.step > saved) {
        validate(report);
        save();
        saved = run_.step;
      }
    }
    publish_pending(log);
    if (run_.step > saved)
      save();
    else if (writes() && first >= report.steps && !has_weights())
      write_weights();  // of a run that was finished before
    report.step = run_.step;
    return report;
  }

  /// What other programs load: the average, or the network where there is none.
  [[nodiscard]] state_dict weights() const { return run_.weights(settings_.config); }

 private:
  /// Before a folder is made.
  [[nodiscard]] static training_settings checked(training_settings s, const Objective& learn_from)
  {
    if (s.fetch_every < 1) fail("the log is fetched after 0 updates, expected 1 or more");
    if (s.epochs < 1 || s.batch < 1 || s.parts < 1 || s.parts > s.batch)
      fail("a training of ", s.epochs, " epochs with batches of ", s.batch, " in ", s.parts,
           " parts: expected 1 or more of each, and no more parts than samples");
    if (s.share_statistics && s.group && s.parts > 1)
      fail("processes that share the statistics of a batch take it whole, not in ", s.parts,
           " parts");
    if (s.freeze_body && !has_backbone<Network>)
      fail("a training freezes the body of a network that names none, expected a backbone()");
    if (s.recorder) check_recorder(s, learn_from);
    const autocast_scope refused_if_not_offered(s.compute, s.device.type());
    return s;
  }

  static void check_recorder(const training_settings& s, const Objective& learn_from)
  {
    if (!s.recorder->serves(s.device))
      fail("the updates of a training on ", s.device.str(),
           " were to be recorded by what does not record there");
    if (s.parts > 1 || s.group)
      fail("an update is recorded of a whole batch in one process, not in parts or of a group");
    if constexpr (!device_optimizer<Optimizer>)
      fail(
          "an update is recorded where the optimizer takes its numbers as tensors, too: see "
          "device_optimizer in retinue/train/optimizers.hpp");
    bool by_programs = requires(Objective& o, const network_outputs& said) { o(said); };
    if constexpr (requires { learn_from.by_programs(); })
      by_programs = by_programs && learn_from.by_programs();
    if (!by_programs)
      fail("an update is recorded where the objective has programs: an objective of blocks, ",
           "without weights of classes or drawn negatives");
  }

  [[nodiscard]] bool writes() const { return together_.rank() == 0; }

  std::int64_t resume_here()
  {
    const auto steps = checkpoints_->steps();
    if (steps.empty()) fail(checkpoints_->path().string(), ": no checkpoint to resume from");
    std::vector<std::pair<std::int64_t, std::string>> damaged;
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
      state_dict state;
      try {
        state = checkpoints_->read(*step);
      } catch (const error& e) {
        damaged.emplace_back(*step, e.what());
        continue;
      }
      run_.go_on_from(state, checkpoints_->file_of(*step));
      for (const auto& [bad, why] : damaged) {
        const auto aside = checkpoints_->set_aside(bad);
        tell([&](training_observer& o) {
          o.warned(why + "; renamed to " + aside.filename().string() +
                   ", and the run goes on from update " + std::to_string(*step));
        });
      }
      return *step;
    }
    fail(damaged.front().second, steps.size() > 1 ? ", and no checkpoint before it is whole" : "");
  }

  template <class Event>
  void tell(const Event& event)
  {
    if (settings_.observer) event(*settings_.observer);
  }

  /// The log as it was left, with what is wrong of it told.
  void open(std::optional<log_writer>& log)
  {
    detail::remove_abandoned(folder_);
    const auto file = folder_ / "log.jsonl";
    log.emplace(file, run_.step);
    const auto warn = [&](const std::string& what) {
      tell([&](training_observer& o) { o.warned(file.string() + ": " + what); });
    };
    if (const auto line = log->damaged())
      warn("damaged from line " + std::to_string(*line) + " on, which is dropped");
    if (log->told() < run_.step)
      warn("says nothing of the updates from " + std::to_string(log->told()) + " to " +
           std::to_string(run_.step - 1) + ", which are done");
  }

  /// Processes with other settings would wait for what nobody sends, or drift apart.
  void check_alike() const
  {
    const auto shapes = [](const named_tensors& named) {
      std::string all;
      for (const auto& [name, tensor] : named)
        all += name + " " + text_of(tensor.sizes().vec()) + "\n";
      return all;
    };
    const auto& s = settings_;
    together_.check_alike("another network", shapes(detail::named_state(*run_.network)));
    together_.check_alike("another optimizer", shapes(run_.optimize.state()));
    together_.check_alike(
        "gradients clipped at " + std::to_string(s.clip) + ", an average of " +
            std::to_string(s.average) + ", precision number " +
            std::to_string(static_cast<int>(s.compute)) + ", a scale of " +
            std::to_string(s.scale) +
            (s.freeze_body ? ", a body that rests" : ", a body that learns") +
            (s.share_statistics ? ", statistics that are shared" : ", statistics of its own") +
            (defers() ? " and numbers that wait" : " and numbers at once"),
        // Which a sentence rounds.
        std::to_string(std::bit_cast<std::uint64_t>(s.clip)) + " " +
            std::to_string(std::bit_cast<std::uint64_t>(s.average)) + " " +
            std::to_string(std::bit_cast<std::uint64_t>(s.scale)));
  }

  /// A run goes on with the samples and the order with which it began, or it is another run.
  void check_order(std::size_t samples)
  {
    const std::string order = "seed " + std::to_string(settings_.seed) + ", " +
                              std::to_string(samples) + " samples, batches of " +
                              std::to_string(settings_.batch);
    if (!run_.order.empty() && run_.order != order)
      fail(folder_.string(), ": the run began with ", run_.order, ", and cannot go on with ",
           order);
    run_.order = order;
    together_.check_alike(order + ", " + std::to_string(settings_.epochs) + " epochs");
  }

  /// From this process's samples, of `all_samples` of all processes.
  template <class Schema>
  void update(const std::vector<training_sample<Schema>>& samples, std::size_t all_samples,
              log_line& line)
  {
    run_.network->train();
    if constexpr (has_backbone<Network>)
      if (settings_.freeze_body) run_.network->backbone()->eval();
    run_.network->zero_grad(/*set_to_none=*/true);
    const std::span all(samples);
    counts_.reset();
    if constexpr (requires(std::uint64_t update) { objective_.turn(update); })
      objective_.turn(static_cast<std::uint64_t>(run_.step));
    const std::size_t parts = std::min(settings_.parts, samples.size());
    if (settings_.recorder && update_recorded(all, line)) return;
    for (std::size_t p = 0; p < parts; ++p) {
      const std::size_t first = p * samples.size() / parts;
      if (sums_ && p + 1 == parts) sums_->begin();
      const auto part = all.subspan(first, (p + 1) * samples.size() / parts - first);
      if (defers())
        learn_deferred(all, part, all_samples);
      else
        learn(all, part, all_samples, line);
    }
    if (defers()) return update_deferred(names_of(all), line);
    if (sums_) {
      sums_->finish();
      together_.add_up(line);
    }
    if (run_.scale && !unscale()) return;
    line.gradient = clip_gradients(
        run_.optimize.parameters(),
        settings_.clip > 0 ? settings_.clip : std::numeric_limits<double>::infinity());
    if (!std::isfinite(line.gradient)) stop_at("gradient's norm", line.gradient, all);
    run_.optimize(run_.step, line.rate);
    if (run_.average) (*run_.average)(run_.step);
  }

  /// An objective that cannot count ahead divides each part for itself, which then has the share of
  /// its samples.
  template <class Schema>
  [[nodiscard]] double share_of(std::size_t samples, std::size_t all) const
  {
    return detail::counts_ahead<Schema>(objective_)
               ? 1
               : static_cast<double>(samples) / static_cast<double>(all);
  }

  /// Adds the gradient of a part of the batch.
  template <class Schema>
  void learn(std::span<const training_sample<Schema>> all,
             std::span<const training_sample<Schema>> part, std::size_t all_samples, log_line& line)
  {
    const double share = share_of<Schema>(part.size(), all_samples);
    const detail::learnt_terms learnt = terms_of(part, all, all_samples);
    const auto value_of = [&](const std::string& name, const at::Tensor& term) {
      const auto value = term.template item<double>();
      if (!std::isfinite(value)) stop_at(name + " loss", value, all);
      return share * value;
    };
    if (line.terms.empty())
      for (const auto& [name, term] : learnt.terms) line.terms.push_back({name, 0});
    for (std::size_t t = 0; t < learnt.terms.size(); ++t)
      line.terms.at(t).value += value_of(learnt.terms[t].first, learnt.terms[t].second);
    line.total += value_of("total", learnt.total);
    line.positives += learnt.counts.defined() ? learnt.counts[0].template item<std::int64_t>()
                                              : static_cast<std::int64_t>(learnt.positives);
    (learnt.total * (run_.scale ? share * run_.scale->value() : share)).backward();
  }

  [[nodiscard]] bool defers() const { return settings_.fetch_every > 1 || settings_.recorder; }

  /// The same without waiting, for the numbers stay on the device.
  template <class Schema>
  void learn_deferred(std::span<const training_sample<Schema>> all,
                      std::span<const training_sample<Schema>> part, std::size_t all_samples)
  {
    on_device().learn(terms_of(part, all, all_samples), share_of<Schema>(part.size(), all_samples));
  }

  /// Clips and updates on the device; the line waits for its numbers.
  void update_deferred(std::string names, const log_line& line)
  {
    if (sums_) {
      sums_->finish();
      together_.add_up(on_device().numbers());
    }
    wait_for(on_device().finish(run_.step, line.rate), std::move(names), line);
  }

  /// The whole update by a recorder, where it can be: of a batch like that of which it was
  /// recorded.
  template <class Schema>
  bool update_recorded(std::span<const training_sample<Schema>> all, const log_line& line)
  {
    if constexpr (device_optimizer<Optimizer> && detail::sends_truths<Objective, Schema>) {
      if (!objective_.sends() || all.size() < whole_) return false;
      const training_batch<Schema> batch = collate(all, send_.pins());
      try {
        const std::span<const std::vector<instance<Schema>>> truths(batch.truths);
        wait_for(
            on_device().recorded(*settings_.recorder, *run_.network, settings_.compute, objective_,
                                 send_(batch.planes), truths, run_.step, line.rate),
            names_of(all), line);
      } catch (const error& e) {
        fail(e.what(), ", of ", names_of(all));
      }
      return true;
    } else {
      return false;
    }
  }

  void wait_for(at::Tensor numbers, std::string names, const log_line& line)
  {
    pending_.push_back({line, std::move(names), std::move(numbers)});
    for (const std::string& name : on_device().names())
      pending_.back().line.terms.push_back({name, 0});
  }

  /// Fetches the numbers of all updates that wait, in one copy, and says what they were.
  template <class Log>
  void publish_pending(Log& log)
  {
    if (pending_.empty()) return;
    std::vector<at::Tensor> all;
    for (const deferred_line& each : pending_) all.push_back(each.numbers);
    const at::Tensor numbers = at::stack(all).cpu();
    const auto lines = std::exchange(pending_, {});
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const double* at =
          numbers.template data_ptr<double>() + static_cast<std::int64_t>(i) * numbers.size(1);
      log_line line = lines[i].line;
      const auto read = [&](const std::string& name) {
        const double value = *at++;
        if (!std::isfinite(value))
          fail("the ", name, " is ", value, " at update ", line.step, ", as was seen after update ",
               run_.step - 1, "; the batch: ", lines[i].samples, "; ", last_checkpoint());
        return value;
      };
      for (loss_term& term : line.terms) term.value = read(term.name + " loss");
      line.total = read("total loss");
      line.positives = static_cast<std::int64_t>(*at++);
      const double* const rest = at;  // the norm, made, wrong, and of a scale its two numbers
      if (rest[1] > 0 || rest[2] > 0) line.gradient = read("gradient's norm");
      if (run_.scale) run_.scale->set(rest[3], static_cast<std::int64_t>(rest[4]));
      if (log) log->add(line);
      tell([&](training_observer& o) { o.updated(line); });
    }
  }

  device_update<Optimizer>& on_device()
  {
    if (!on_device_)
      on_device_.emplace(settings_.device, run_.optimize, run_.average ? &*run_.average : nullptr,
                         run_.scale ? &*run_.scale : nullptr, settings_.clip);
    return *on_device_;
  }

  /// The terms of a part of the process's samples `all`, which are of a batch of `all_samples`.
  template <class Schema>
  detail::learnt_terms terms_of(std::span<const training_sample<Schema>> part,
                                std::span<const training_sample<Schema>> all,
                                std::size_t all_samples)
  {
    const training_batch<Schema> batch = collate(part, send_.pins());
    const network_outputs said =
        detail::outputs_of(*run_.network, send_(batch.planes), settings_.compute);
    using truths = std::vector<std::vector<instance<Schema>>>;
    const auto view = [](const truths& of) {
      return std::span<const std::vector<instance<Schema>>>(of);
    };
    try {
      if constexpr (detail::counts_batches<Objective, Schema>) {
        if (part.size() < all_samples && detail::counts_ahead<Schema>(objective_)) {
          if (!counts_) {
            truths of_all;
            for (const auto& s : all) of_all.push_back(s.truths);
            counts_ = objective_.count(batch.size, said.maps, view(of_all));
            together_.add_up(*counts_);
          }
          return detail::named_terms(objective_(said, batch.size, view(batch.truths), &*counts_));
        }
      }
      return detail::named_terms(objective_(said, batch.size, view(batch.truths)));
    } catch (const error& e) {
      fail(e.what(), ", of ", names_of(all));
    }
  }

  /// Takes the scale out of the gradients; false where they overflowed, and a lower one is next.
  bool unscale()
  {
    const torch::NoGradGuard no_gradients;
    const double by = run_.scale->value();
    each_run([&](at::Tensor g) { g.div_(by); }, gathered_gradients(run_.optimize.parameters()));
    return run_.scale->accepts(std::isfinite(clip_gradients(run_.optimize.parameters())));
  }

  template <class Schema>
  [[noreturn]] void stop_at(const std::string& what, double value,
                            std::span<const training_sample<Schema>> samples)
  {
    fail("the ", what, " is ", value, " at update ", run_.step, ": ", at_fault(samples),
         "; the batch: ", names_of(samples), "; ", last_checkpoint());
  }

  [[nodiscard]] std::string last_checkpoint() const
  {
    if (!checkpoints_) return "process 0 has the checkpoints";
    const auto latest = checkpoints_->latest();
    return latest ? "the last checkpoint is " + checkpoints_->file_of(*latest).string()
                  : "no checkpoint has been written yet";
  }

  /// Before anything is written.
  void check_finite()
  {
    if (const auto what = run_.not_finite())
      fail("after update ", run_.step - 1, " ", *what, ", so the rate may be too high; ",
           last_checkpoint());
  }

  /// Which samples do it alone, each in a batch of its own: twice, for batch normalization needs
  /// more than one value. The network is not to be used any more.
  template <class Schema>
  std::string at_fault(std::span<const training_sample<Schema>> samples)
  {
    sums_.reset();  // the other processes do something else
    share_statistics(*run_.network, nullptr);
    for (const at::Tensor& p : run_.optimize.parameters())
      if (!at::isfinite(p).all().template item<bool>())
        return "the weights are not finite, whatever the sample";
    std::vector<training_sample<Schema>> bad;
    for (const auto& s : samples) {
      const std::vector<training_sample<Schema>> twice{s, s};
      run_.network->zero_grad();
      const std::span<const training_sample<Schema>> pair(twice);
      const at::Tensor total = terms_of(pair, pair, pair.size()).total;
      if (std::isfinite(total.template item<double>())) {
        total.backward();
        if (std::isfinite(clip_gradients(run_.optimize.parameters()))) continue;
      }
      bad.push_back(s);
    }
    if (bad.empty()) return "no sample does it alone";
    if (bad.size() == samples.size() && bad.size() > 1)
      return "every sample does it alone, so the rate may be too high";
    return names_of(std::span<const training_sample<Schema>>(bad)) + " does it alone";
  }

  void validate(training_report& report)
  {
    if (!settings_.validate || !writes()) return;
    check_finite();
    state_dict now = weights();
    tell([&](training_observer& o) { o.validating(run_.step); });
    const double score = settings_.validate(now);
    const bool best = std::isfinite(score) && (!run_.best || score > *run_.best);
    if (best) {
      run_.best = report.best = score;
      run_.mark_best(now);
      write_safetensors(folder_ / "best.safetensors", now);
    }
    tell([&](training_observer& o) { o.validated(run_.step, score, best); });
  }

  /// Whether those of the last save are there, and whole.
  [[nodiscard]] bool has_weights() const
  {
    try {
      return read_safetensors(folder_ / "weights.safetensors").size() > 0;
    } catch (const error&) {
      return false;
    }
  }

  void write_weights()
  {
    check_finite();
    write_safetensors(folder_ / "weights.safetensors", weights());
  }

  void save()
  {
    if (!writes()) return;
    write_weights();
    checkpoints_->write(run_.step, run_.kept(settings_.config));
    tell([&](training_observer& o) { o.saved(run_.step); });
  }

  detail::run_state<Network, Optimizer> run_;
  Objective objective_;
  std::filesystem::path folder_;
  training_settings settings_;
  detail::together together_;
  side_copies<> send_;
  std::optional<checkpoint_folder> checkpoints_;  // of the process that writes
  std::optional<run_lock> lock_;
  std::unique_ptr<gradient_sums> sums_;
  std::optional<device_update<Optimizer>> on_device_;  // made by the first update there
  std::vector<deferred_line> pending_;                 // whose numbers are on the device
  std::size_t whole_ = 0;                              // samples of an update, of this process
  std::optional<batch_counts> counts_;                 // of the batch that is in work
};

}  // namespace retinue
