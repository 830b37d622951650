// SPDX-License-Identifier: Apache-2.0
// Runs all benchmarks, interleaved, and ends with a table of ratios.
//
// A benchmark is named "case | variant". Variants of one case are compared: each line of the table
// gives the best time of every variant and how many times retinue's fits into it: processor time,
// or wall time for those that ask for it.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

std::string processor()
{
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown processor";
}

class ratio_reporter : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override
  {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration || run.error_occurred) continue;
      const std::string name = run.run_name.function_name;
      const auto bar = name.find(" | ");
      if (bar == std::string::npos) continue;
      const std::string of = name.substr(0, bar);
      if (!best_.contains(of)) cases_.push_back(of);
      auto& variants = best_[of];
      const bool wall = run.run_name.time_type == "real_time";  // where several threads work
      const double time = wall ? run.GetAdjustedRealTime() : run.GetAdjustedCPUTime();
      const double seconds = time / benchmark::GetTimeUnitMultiplier(run.time_unit);
      const auto [at, first] = variants.try_emplace(name.substr(bar + 3), seconds);
      if (!first) at->second = std::min(at->second, seconds);
    }
  }

  void print_ratios() const
  {
    std::cout << "\nBest times on " << processor() << ", " << std::thread::hardware_concurrency()
              << " threads; ratio = time / retinue's\n";
    for (const std::string& of : cases_) {
      const auto& variants = best_.at(of);
      const auto ours = variants.find("retinue");
      std::cout << of << "\n";
      for (const auto& [variant, seconds] : variants) {
        std::cout << "    " << std::left << std::setw(34) << variant << std::right << std::fixed
                  << std::setprecision(1) << std::setw(12) << seconds * 1e6 << " us";
        if (ours != variants.end() && variant != "retinue")
          std::cout << std::setprecision(2) << std::setw(10) << seconds / ours->second << " x";
        std::cout << "\n";
      }
    }
  }

 private:
  std::vector<std::string> cases_;
  std::map<std::string, std::map<std::string, double>> best_;
};

}  // namespace

int main(int count, char** arguments)
{
  // Before the user's own arguments, which therefore win.
  std::vector<char*> all{arguments[0]};
  std::string repetitions = "--benchmark_repetitions=5";
  std::string interleaved = "--benchmark_enable_random_interleaving=true";
  std::string short_runs = "--benchmark_min_time=0.1";
  for (std::string* given : {&repetitions, &interleaved, &short_runs}) all.push_back(given->data());
  all.insert(all.end(), arguments + 1, arguments + count);
  int all_count = static_cast<int>(all.size());

  benchmark::Initialize(&all_count, all.data());
  if (benchmark::ReportUnrecognizedArguments(all_count, all.data())) return 1;
  ratio_reporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  reporter.print_ratios();
  benchmark::Shutdown();
}
