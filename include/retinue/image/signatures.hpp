// SPDX-License-Identifier: Apache-2.0
// Which form of picture a file's first bytes announce, which of them are read, and whether a JPEG
// is all there.
//
// OpenCV asks one decoder after another whether it wants a file, and some of them end the process
// over bytes that they did not expect (DICOM, which stands at byte 128, behind any beginning). So
// no file reaches OpenCV that is not of a form listed here as read.
#pragma once

#include <array>
#include <cctype>
#include <cstddef>
#include <string_view>

namespace retinue::detail {

/// Bytes of a file that tell its form by picture_form().
inline constexpr std::size_t signature_bytes = 256;

/// What is said of a file: "JPEG", and whether it is read.
struct picture_form {
  std::string_view name;  ///< empty where the form is not known
  bool read = false;
};

inline constexpr std::string_view forms_read = "JPEG, PNG, BMP, WebP, TIFF, JPEG 2000 or PNM";

/// By the first signature_bytes of a file, or by all of a shorter one.
[[nodiscard]] inline picture_form form_of_picture(std::string_view first)
{
  using namespace std::string_view_literals;
  struct known {
    std::size_t at;
    std::string_view bytes;
    picture_form form;
  };
  // Those that stand behind any beginning come first.
  static constexpr std::array<known, 35> forms{
      {{128, "DICM", {"DICOM"}},
       {140, "DTED", {"DTED elevation model"}},
       {0, "\xff\xd8\xff", {"JPEG", true}},
       {0, "\x89PNG\r\n\x1a\n", {"PNG", true}},
       {0, "BM", {"BMP", true}},
       {0, "II*\0"sv, {"TIFF", true}},
       {0, "MM\0*"sv, {"TIFF", true}},
       {0, "\0\0\0\x0cjP  \r\n\x87\n"sv, {"JPEG 2000", true}},
       {0, "\xff\x4f\xff\x51", {"JPEG 2000", true}},
       {0, "GIF8", {"GIF"}},
       {4, "ftypavi", {"AVIF"}},
       {4, "ftyphei", {"HEIC"}},
       {4, "ftyphev", {"HEIC"}},
       {4, "ftypmif1", {"HEIC"}},
       {4, "ftypmsf1", {"HEIC"}},
       {0, "\xff\x0a", {"JPEG XL"}},
       {0, "\0\0\0\x0cJXL "sv, {"JPEG XL"}},
       {0, "PF", {"PFM"}},
       {0, "Pf", {"PFM"}},
       {0, "P7", {"PAM"}},
       {0, "#?RADIANCE", {"Radiance HDR"}},
       {0, "#?RGBE", {"Radiance HDR"}},
       {0, "\x76\x2f\x31\x01", {"OpenEXR"}},
       {0, "\x59\xa6\x6a\x95", {"Sun raster"}},
       {0, "II+\0"sv, {"BigTIFF"}},
       {0, "MM\0+"sv, {"BigTIFF"}},
       {0, "NITF", {"NITF"}},
       {0, "NSIF", {"NITF"}},
       {0, "8BPS", {"Photoshop document"}},
       {0, "\0\0\1\0"sv, {"Windows icon"}},
       {0, "qoif", {"QOI"}},
       {0, "%PDF", {"PDF document"}},
       {0, "<svg", {"SVG drawing"}},
       {0, "\x1f\x8b", {"gzip archive"}},
       {0, "PK\3\4", {"ZIP archive"}}}};
  for (const auto& [at, bytes, form] : forms)
    if (first.size() > at && first.substr(at).starts_with(bytes)) return form;
  if (first.starts_with("RIFF") && first.size() > 8 && first.substr(8).starts_with("WEBP"))
    return {"WebP", true};
  if (first.size() > 2 && first[0] == 'P' && first[1] >= '1' && first[1] <= '6' &&
      std::isspace(static_cast<unsigned char>(first[2])))
    return {"PNM", true};
  return {};
}

/// Whether the scans of a JPEG are followed by their end. Decoders paint the missing part grey and
/// call it a success.
[[nodiscard]] inline bool jpeg_is_whole(std::string_view file)
{
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(file[i]); };
  std::size_t i = 2;  // after FF D8
  while (i + 1 < file.size()) {
    const unsigned marker = byte(i + 1);
    if (byte(i) != 0xFF || marker == 0 || (marker >= 0xD0 && marker <= 0xD7) || marker == 0xFF) {
      i += marker == 0xFF ? 1 : byte(i) == 0xFF ? 2 : 1;  // pixels of a scan, a restart, or filling
      continue;
    }
    if (marker == 0xD9) return true;
    if (i + 3 >= file.size()) return false;
    i += 2 + byte(i + 2) * 256u + byte(i + 3);  // a thumbnail's own end lies inside its segment
  }
  return false;
}

}  // namespace retinue::detail
