// SPDX-License-Identifier: Apache-2.0
// How every program here ends: with an exit code, and a sentence for what went wrong.
//
//   0 done   1 done in part, or stopped and saved   2 nothing could be done
#pragma once

#include <CLI/CLI.hpp>

#include <exception>
#include <iostream>
#include <string>

/// What a user is told of an exception. LibTorch's carry a backtrace, which nobody wants to read.
[[nodiscard]] inline std::string sentence_of(const std::exception& e)
{
  const std::string text = e.what();
  return text.substr(0, text.find("\nException raised from"));
}

/// Runs `body`, whose result is the exit code.
template <class Body>
int run_program(CLI::App& app, Body&& body)
{
  try {
    return body();
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const std::exception& e) {
    std::cerr << app.get_name() << ": " << sentence_of(e) << "\n";
    return 2;
  }
}
