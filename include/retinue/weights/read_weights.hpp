// SPDX-License-Identifier: Apache-2.0
// Reads weights of whichever form a file has, as its first bytes tell; its name's ending never
// counts.
#pragma once

#include <retinue/detail/file.hpp>          // opened_file
#include <retinue/weights/pytorch.hpp>      // torch.save, both forms
#include <retinue/weights/safetensors.hpp>  // safetensors
#include <retinue/weights/spellings.hpp>    // in_our_names
#include <retinue/weights/state_dict.hpp>   // the result

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace retinue {

namespace detail {

/// The version of the format, then the producer's name or the next field.
[[nodiscard]] inline bool begins_as_onnx(std::string_view first)
{
  return first.size() > 4 && first[0] == 8 && first[1] > 0 && first[1] < 32 && (first[2] & 7) == 2;
}

/// What else people have at hand when they are asked for weights.
[[nodiscard]] inline std::string kind_of_file(std::string_view first)
{
  struct known {
    std::size_t at;
    std::string_view bytes, what;
  };
  static constexpr std::array<known, 16> forms{
      {{0, "version https://git-lfs", "a git-lfs pointer, not the file (git lfs pull fetches it)"},
       {0, "\x89HDF", "an HDF5 file (Keras), not weights of PyTorch"},
       {4, "TFL3", "a TensorFlow Lite model, not weights of PyTorch"},
       {0, "GGUF", "a GGUF model, not weights of PyTorch"},
       {0, "\x93NUMPY", "a NumPy array, not weights of PyTorch"},
       {0, "7767517", "an ncnn model, not weights of PyTorch"},
       {0, "\x1f\x8b", "compressed by gzip: unpack it first"},
       {0,
        "\xfd"
        "7zXZ",
        "compressed by xz: unpack it first"},
       {0, "\x28\xb5\x2f\xfd", "compressed by zstd: unpack it first"},
       {0, "BZh", "compressed by bzip2: unpack it first"},
       {0, "Rar!", "a RAR archive: unpack it first"},
       {257, "ustar", "a tar archive: unpack it first (PyTorch 0.1's own form is not read)"},
       {0, "\x89PNG", "a picture, not weights"},
       {0, "\xff\xd8\xff", "a picture, not weights"},
       {0, "%PDF", "a PDF document, not weights"},
       {0,
        "\x7f"
        "ELF",
        "a program, not weights"}}};
  for (const auto& form : forms)
    if (first.size() > form.at && first.substr(form.at).starts_with(form.bytes))
      return std::string(form.what);
  const auto letter =
      std::find_if_not(first.begin(), first.end(), [](unsigned char c) { return std::isspace(c); });
  if (letter != first.end() && *letter == '<')
    return "a page of HTML or XML, so the download brought a message instead of weights";
  if (begins_as_onnx(first)) return "an ONNX model, which a runtime reads, not weights of PyTorch";
  if (letter == first.end() || *letter == '{' || *letter == '[')
    return letter == first.end() ? "blank" : "JSON text, not weights";
  if (std::all_of(first.begin(), first.end(), [](char c) { return c == '\0'; }))
    return "nothing but zeros, so a download was not finished";
  constexpr std::string_view digits = "0123456789abcdef";
  std::string shown;
  for (const unsigned char c : first.substr(0, 8)) shown += {' ', digits[c >> 4], digits[c & 15]};
  return "neither of torch.save nor safetensors: it begins with" + shown;
}

}  // namespace detail

/// Whether a file begins as ONNX models do. Throws where it cannot be read.
[[nodiscard]] inline bool is_onnx(const std::filesystem::path& file)
{
  return detail::begins_as_onnx(detail::characters(detail::opened_file(file).first(512)));
}

/// The weights in a file of torch.save (either form) or of safetensors, under the names that they
/// have here where somebody else's are known (weights/spellings.hpp). Throws `error`, which says
/// what the file seems to be where it is none of these.
[[nodiscard]] inline state_dict read_weights(const std::filesystem::path& file)
{
  detail::opened_file opened(file);
  const auto head = opened.first(512);
  const auto first = detail::characters(head);
  if (first.empty()) fail(file.string(), ": an empty file, not weights");
  const bool pickled = first.size() > 1 && first[0] == '\x80' && first[1] > 0 && first[1] < 6;
  if (pickled || first.starts_with("PK\3\4") || first.starts_with("L119547037146038801333356L"))
    return in_our_names(read_pytorch(std::move(opened).all(), file.string()));
  if (first.size() > 8 && first[8] == '{' &&
      detail::little_endian<std::uint64_t>(head, 0) < opened.size())
    return read_safetensors(std::move(opened).all(), file.string());
  fail(file.string(), ": ", detail::kind_of_file(first));
}

}  // namespace retinue
