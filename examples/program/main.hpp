// SPDX-License-Identifier: Apache-2.0
// How every program here ends: with an exit code, and a sentence for what went wrong.
//
//   0 done   1 done in part, or stopped and saved   2 nothing could be done, or its results are
//   lost
#pragma once

#include <retinue/detail/printable.hpp>
#include <retinue/error.hpp>
#include <retinue/error_in_text.hpp>

#include <fcntl.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <system_error>

/// Whether that is what went wrong, in the words of LibTorch and of OpenCV, too.
[[nodiscard]] inline bool is_out_of_memory(const std::exception& e)
{
  const std::string text = e.what();
  const auto has = [&](const char* words) { return text.find(words) != std::string::npos; };
  return dynamic_cast<const std::bad_alloc*>(&e) || has("can't allocate memory") ||
         has("Insufficient memory");
}

/// What a user is told of an exception. LibTorch's carry a backtrace, which nobody wants to read.
[[nodiscard]] inline std::string sentence_of(const std::exception& e)
{
  const std::string text = e.what();
  if (is_out_of_memory(e))
    return "there is not enough memory, smaller pictures or fewer at once need less";
  return retinue::detail::printable(text.substr(0, text.find("\nException raised from")));
}

/// Standard streams that were closed lead nowhere: or the next file that is opened would take their
/// place, and what is printed would be written into it. What is printed to the output then fails.
inline void hold_closed_streams()
{
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFD) < 0)
      static_cast<void>(::open("/dev/null", stream == STDOUT_FILENO ? O_RDONLY : O_RDWR));
}

/// Whether all that was printed has reached the standard output; says what has not.
[[nodiscard]] inline bool output_is_written(const std::string& program)
{
  errno = 0;
  std::cout.flush();
  const bool flushed = std::fflush(stdout) == 0;
  if (std::cout && flushed && std::ferror(stdout) == 0) return true;
  const int number = errno;  // 0 where an earlier write failed
  std::cerr << program << ": the standard output could not be written, and results are lost"
            << (number == 0 ? "" : ": " + std::generic_category().message(number)) << "\n";
  return false;
}

/// Throws where an option was given that would do nothing, for it is of something else: "the
/// protocol voc".
inline void refuse_idle(const CLI::App& app, const std::string& option, bool serves,
                        const std::string& what)
{
  if (!serves && app.count(option) > 0)
    retinue::fail(option, " is of ", what, ", and would do nothing here");
}

/// The end of --help: two commands that work in an empty folder, one a line. A test takes them from
/// there and runs them.
[[nodiscard]] inline std::string to_try(const std::string& first, const std::string& second)
{
  return "\n\nTo try it, in an empty folder:\n  " + first + "\n  " + second;
}

/// Makes weights without any file, in seconds: they have learnt little.
[[nodiscard]] inline std::string makes_weights(const std::string& kind)
{
  return kind + "_train --data synthetic --size 64 --scenes 64 --batch 8 --epochs 2 --out drawn";
}

/// Runs `body`, whose result is the exit code.
template <class Body>
int run_program(CLI::App& app, Body&& body)
{
  hold_closed_streams();
  std::signal(SIGXFSZ, SIG_IGN);  // a file beyond its limit is refused where it is written
  const auto tell = [&](const std::string& sentence) {
    std::cerr << app.get_name() << ": " << sentence << "\n";
    return 2;
  };
  const int code = [&] {
    try {
      return static_cast<int>(body());
    } catch (const CLI::ParseError& e) {
      if (e.get_exit_code() == 0) return app.exit(e);  // --help
      return tell(sentence_of(e) + " (--help says more)");
    } catch (const retinue::error_in_text& e) {
      return tell(sentence_of(e) + "\n" + e.excerpt());
    } catch (const std::exception& e) {
      return tell(sentence_of(e));
    }
  }();
  return output_is_written(app.get_name()) ? code : 2;
}
