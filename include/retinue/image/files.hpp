// SPDX-License-Identifier: Apache-2.0
// Pictures read from files, listed in folders, and written.
#pragma once

#include <retinue/detail/file.hpp>        // opened_file, replace_file, each_entry
#include <retinue/error.hpp>              // fail
#include <retinue/image/orientation.hpp>  // png_orientation, webp_orientation
#include <retinue/image/signatures.hpp>   // form_of_picture, jpeg_is_whole

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace retinue {

namespace detail {

/// The picture as it is to be seen: orientations 5 to 8 change its sides for each other.
inline void turn_upright(cv::Mat& picture, int orientation)
{
  if (picture.empty()) return;
  if (orientation >= 5) cv::transpose(picture, picture);
  constexpr int across = 1, down = 0, both = -1;  // of cv::flip
  if (orientation == 2 || orientation == 6) cv::flip(picture, picture, across);
  if (orientation == 4 || orientation == 8) cv::flip(picture, picture, down);
  if (orientation == 3 || orientation == 7) cv::flip(picture, picture, both);
}

}  // namespace detail

/// The picture in a file of JPEG, PNG, BMP, WebP, TIFF, JPEG 2000 or PNM, as 8-bit BGR and turned
/// as its EXIF says. Of 16 bits the upper 8 are taken, grey becomes three channels, and alpha is
/// dropped, as cv::imread does: the pixels are those that other programs over OpenCV see. Throws
/// `error` for all else, a JPEG that was cut short included; the first bytes say what a file is,
/// not its name.
[[nodiscard]] inline cv::Mat read_image(const std::filesystem::path& file)
{
  detail::opened_file opened(file);
  const auto head = opened.first(detail::signature_bytes);
  const std::string name = file.string();
  if (head.empty()) fail(name, ": an empty file, not a picture");
  const auto form = detail::form_of_picture(detail::characters(head));
  if (form.name.empty()) fail(name, ": not a picture, expected ", detail::forms_read);
  if (!form.read) fail(name, ": of the form ", form.name, ", expected ", detail::forms_read);
  const auto bytes = std::move(opened).all();
  const auto text = detail::characters(bytes);
  if (form.name == "JPEG" && !detail::jpeg_is_whole(text))
    fail(name, ": a JPEG that was cut short, at ", bytes.size(), " bytes");
  if (bytes.size() > INT32_MAX) fail(name, ": a picture of ", bytes.size(), " bytes is too large");
  const bool png = form.name == "PNG", webp = form.name == "WebP";
  cv::Mat picture;
  try {
    const cv::Mat row(1, static_cast<int>(bytes.size()), CV_8U,
                      const_cast<std::byte*>(bytes.data()));  // read only
    picture = cv::imdecode(
        row, png || webp ? cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION : cv::IMREAD_COLOR);
    if (png) detail::turn_upright(picture, detail::png_orientation(text));
    if (webp) detail::turn_upright(picture, detail::webp_orientation(text));
  } catch (const cv::Exception& e) {
    if (e.err.find("CV_IO_MAX_IMAGE") != std::string::npos)
      fail(name, ": a picture of more pixels than OpenCV reads (2^30, and 2^20 a side)");
    fail(name, ": OpenCV cannot read it, for it wants ", e.err);
  } catch (const std::bad_alloc&) {
    fail(name, ": the picture does not fit in memory");
  } catch (const std::exception& e) {
    fail(name, ": OpenCV cannot read it: ", e.what());
  }
  if (picture.empty() && !cv::haveImageReader(name))
    fail(name, ": a ", form.name,
         ", which this OpenCV does not read or which ends in its first bytes");
  if (picture.empty()) fail(name, ": a damaged or incomplete ", form.name);
  if (picture.type() != CV_8UC3)
    fail(name, ": a ", form.name, " that OpenCV does not make 8-bit BGR of");
  return picture;
}

/// Whether a file's name ends as pictures do, in letters of either case.
[[nodiscard]] inline bool is_image_name(const std::filesystem::path& file)
{
  static constexpr std::array<std::string_view, 14> endings{
      ".jpg", ".jpeg", ".jpe", ".jp2", ".png", ".bmp",  ".dib",
      ".pbm", ".pgm",  ".ppm", ".pnm", ".tif", ".tiff", ".webp"};
  std::string ending = file.extension().string();
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(endings.begin(), endings.end(), ending) != endings.end();
}

namespace detail {

/// "frame 9" before "frame 10": runs of digits count as numbers.
[[nodiscard]] inline bool naturally_less(std::string_view a, std::string_view b)
{
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto take_number = [&](std::string_view& from) {
    const auto zeros = std::min(from.find_first_not_of('0'), from.size());
    from.remove_prefix(zeros);
    const auto end = std::find_if_not(from.begin(), from.end(), is_digit);
    const auto digits = from.substr(0, static_cast<std::size_t>(end - from.begin()));
    from.remove_prefix(digits.size());
    return digits;
  };
  const std::string_view whole_a = a, whole_b = b;
  while (!a.empty() && !b.empty()) {
    if (is_digit(a.front()) && is_digit(b.front())) {
      const auto m = take_number(a), n = take_number(b);
      if (m.size() != n.size()) return m.size() < n.size();
      if (m != n) return m < n;
    } else {
      if (a.front() != b.front()) return a.front() < b.front();
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
  }
  return a.empty() != b.empty() ? a.empty() : whole_a < whole_b;
}

}  // namespace detail

/// What a folder holds that is named like a picture and not hidden, "9.jpg" before "10.jpg".
/// Folders are left out; a pipe, or a link to nothing, is not: read_image refuses it by name.
/// Throws where the folder cannot be listed, or its files not be looked at.
[[nodiscard]] inline std::vector<std::filesystem::path> images_in(
    const std::filesystem::path& folder)
{
  std::vector<std::filesystem::path> found;
  const bool listed = detail::each_entry(folder, [&](std::string_view name) {
    const std::filesystem::path file = folder / name;
    if (name.starts_with('.') || !is_image_name(file)) return;
    std::error_code trouble;
    const auto itself = std::filesystem::symlink_status(file, trouble);
    if (itself.type() == std::filesystem::file_type::none)
      fail(folder.string(), ": its files cannot be looked at", detail::reason(trouble.value()));
    if (std::filesystem::exists(itself) &&
        !std::filesystem::is_directory(std::filesystem::status(file, trouble)))
      found.push_back(file);
  });
  if (!listed) fail(folder.string(), ": cannot be listed", detail::reason(errno));
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return detail::naturally_less(a.filename().string(), b.filename().string());
  });
  return found;
}

/// Throws where the name's ending is of no form that pictures are written in: before the work whose
/// result would be lost.
inline void check_image_ending(const std::filesystem::path& file)
{
  bool known = false;
  try {
    known = is_image_name(file) && cv::haveImageWriter(file.string());
  } catch (const cv::Exception&) {  // so says an older OpenCV
  }
  if (!known)
    fail(file.string(), ": pictures cannot be written in this form, expected an ending like .png");
}

/// Writes the picture in the form that the name's ending says, whole or not at all. Throws where
/// pictures are not written in that form, where OpenCV does not write such a picture in it, and
/// where the file cannot be written.
inline void write_image(const std::filesystem::path& file, const cv::Mat& picture)
{
  check_image_ending(file);
  std::vector<std::uint8_t> encoded;
  try {
    cv::imencode(file.extension().string(), picture, encoded);
  } catch (const cv::Exception&) {
    fail(file.string(), ": a picture of ", picture.cols, " x ", picture.rows,
         " pixels cannot be written in this form");
  }
  const std::array<detail::byte_view, 1> parts{std::as_bytes(std::span(encoded))};
  detail::replace_file(file, parts);
}

}  // namespace retinue
