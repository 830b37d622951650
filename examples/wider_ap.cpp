// SPDX-License-Identifier: Apache-2.0
// Average precision of detections on WIDER FACE's validation set, as the official tool computes it.
//
//   wider_ap --truth wider_val_gt.txt --detections results/ --json ap.json --curve ap.png
//
// The forms of both are told in retinue/data/wider_files.hpp.
#include "program/main.hpp"
#include "program/written.hpp"

#include <retinue/data/gzip.hpp>
#include <retinue/data/wider_files.hpp>
#include <retinue/detail/file.hpp>
#include <retinue/error.hpp>
#include <retinue/evaluate/results_json.hpp>
#include <retinue/evaluate/wider.hpp>
#if RETINUE_HAS_PLOT
#include "program/plot.hpp"

#include <retinue/image/files.hpp>
#endif

#include <CLI/CLI.hpp>

#include <array>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>

namespace fs = std::filesystem;
using namespace retinue;

namespace {

const std::map<std::string, wider_protocol> protocols{{"official", {}},
                                                      {"python", wider_protocol::python_port()},
                                                      {"clean", wider_protocol::clean()}};

struct arguments {
  fs::path truth, detections, json, curve;
  std::string protocol = "official";
};

void parse(CLI::App& app, arguments& a, int count, char** values)
{
  app.add_option("-t,--truth", a.truth, "The truth with its subsets, text or .gz")->required();
  app.add_option("-d,--detections", a.detections,
                 "Results: one file, text or .gz, or the official folder of event/name.txt")
      ->required();
  app.add_option("--protocol", a.protocol,
                 "official: the MATLAB tool; python: its port, which most papers use; clean: no "
                 "conventions")
      ->check(CLI::IsMember({"official", "python", "clean"}))
      ->capture_default_str();
  app.add_option("--json", a.json,
                 "Write the figures and their protocol to this file ('-': standard output)")
      ->check(any_name());
#if RETINUE_HAS_PLOT
  app.add_option("--curve", a.curve, "Draw precision against recall to this picture")
      ->check(any_name());
#endif
  const std::string command = "wider_ap --truth truth.txt --detections found.txt";
  app.footer("Exit codes: 0 done, 2 the input was refused." +
             to_try("printf '0--Parade/a.jpg\\n1\\n10 20 30 40 0.9\\n' > found.txt; printf '# "
                    "event/file width height n\\n0--Parade/a.jpg 99 99 1\\n10 20 30 40 1 1 1\\n' "
                    "> truth.txt; " +
                        command,
                    command + " --protocol clean --json figures.json"));
  app.parse(count, values);
}

#if RETINUE_HAS_PLOT
void draw(const wider_result& result, const fs::path& file)
{
  plot_frame frame;
  frame.title = "WIDER FACE validation";
  frame.x = {.label = "recall", .limits = plot_axis::range{0, 1}};
  frame.y = {.label = "precision", .limits = plot_axis::range{0, 1.02}};
  std::array<plot_line, 3> lines;
  for (std::size_t s = 0; s < lines.size(); ++s) {
    const auto& subset = result.subsets[s];
    std::array<char, 16> ap{};
    std::snprintf(ap.data(), ap.size(), " %.4f", subset.ap);
    lines[s] = {std::string(wider_subsets[s]) + ap.data(), subset.curve.recall,
                subset.curve.precision};
  }
  write_image(file, draw_plot(frame, lines));
}
#endif

void evaluate(const arguments& a)
{
  check_written(std::vector{a.truth, a.detections},
                std::vector<written_file>{{"--json", a.json}, {"--curve", a.curve}});
#if RETINUE_HAS_PLOT
  if (!a.curve.empty()) check_image_ending(a.curve);
#endif
  auto images = read_wider_truth(a.truth, gunzip);
  const std::size_t absent = read_wider_detections(a.detections, images, gunzip);
  if (absent)
    std::cerr << "wider_ap: " << retinue::detail::printable(a.detections.string())
              << " has no list for " << absent << " of " << images.size()
              << " images; they count as images in which nothing was found\n";
  wider_evaluation evaluation(protocols.at(a.protocol));
  for (const wider_image& image : images) evaluation.add(image.detections, image.truths);
  const wider_result result = evaluation.result();
  print_beside(a.json, result.describe());
  write_json(a.json, to_json(result).dump(2) + "\n");
#if RETINUE_HAS_PLOT
  if (!a.curve.empty()) draw(result, a.curve);
#endif
}

}  // namespace

int main(int count, char** values)
{
  CLI::App app("Average precision on WIDER FACE: easy, medium, hard.", "wider_ap");
  return run_program(app, [&] {
    arguments a;
    parse(app, a, count, values);
    evaluate(a);
    return 0;
  });
}
