// SPDX-License-Identifier: Apache-2.0
// Thousands of damaged pictures of every form that is read, the same ones in every run: each ends
// in a picture or in one sentence. What ends the process instead ends this test, by form and
// number.
#include <retinue/image/files.hpp>

#include "catch.hpp"

#include <opencv2/imgproc.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace retinue;
using namespace std::string_literals;

namespace {

/// Decoders tell the standard error stream what they think of each file: nobody reads that here.
class silence {
 public:
  silence() : kept_(::dup(2))
  {
    const int nowhere = ::open("/dev/null", O_WRONLY);
    ::dup2(nowhere, 2);
    ::close(nowhere);
  }
  silence(const silence&) = delete;
  silence& operator=(const silence&) = delete;
  ~silence()
  {
    ::dup2(kept_, 2);
    ::close(kept_);
  }

 private:
  int kept_;
};

struct example {
  std::string form;
  std::string bytes;
};

std::string encoded(const char* ending, const cv::Mat& picture, const std::vector<int>& how = {})
{
  std::vector<std::uint8_t> bytes;
  if (!cv::haveImageWriter("a"s + ending)) return {};
  REQUIRE(cv::imencode(ending, picture, bytes, how));
  return {bytes.begin(), bytes.end()};
}

/// One or more of each form, of several kinds of pixels.
std::vector<example> examples()
{
  cv::Mat colour(11, 14, CV_8UC3), grey, bits, alpha, deep;
  std::mt19937 random(1);
  for (int y = 0; y < colour.rows; ++y)
    for (int x = 0; x < colour.cols; ++x)
      colour.at<cv::Vec3b>(y, x) = {std::uint8_t(17 * x), std::uint8_t(20 * y),
                                    std::uint8_t(random() % 256)};
  cv::cvtColor(colour, grey, cv::COLOR_BGR2GRAY);
  cv::threshold(grey, bits, 100, 255, cv::THRESH_BINARY);
  cv::cvtColor(colour, alpha, cv::COLOR_BGR2BGRA);
  colour.convertTo(deep, CV_16U, 257);
  cv::Mat larger;  // OpenJPEG halves a picture five times
  cv::resize(colour, larger, {64, 48});
  const std::vector<int> words{cv::IMWRITE_PXM_BINARY, 0};
  std::vector<example> all{
      {"JPEG", encoded(".jpg", colour)},
      {"grey JPEG", encoded(".jpg", grey)},
      {"progressive JPEG", encoded(".jpg", colour, {cv::IMWRITE_JPEG_PROGRESSIVE, 1})},
      {"PNG", encoded(".png", colour)},
      {"grey PNG", encoded(".png", grey)},
      {"PNG with alpha", encoded(".png", alpha)},
      {"PNG of 16 bits", encoded(".png", deep)},
      {"PNG of 1 bit", encoded(".png", bits, {cv::IMWRITE_PNG_BILEVEL, 1})},
      {"BMP", encoded(".bmp", colour)},
      {"grey BMP", encoded(".bmp", grey)},
      {"WebP", encoded(".webp", colour, {cv::IMWRITE_WEBP_QUALITY, 60})},
      {"lossless WebP", encoded(".webp", alpha, {cv::IMWRITE_WEBP_QUALITY, 101})},
      {"TIFF", encoded(".tiff", colour)},
      {"plain TIFF", encoded(".tiff", colour, {cv::IMWRITE_TIFF_COMPRESSION, 1})},
      {"TIFF of 16 bits", encoded(".tiff", deep)},
      {"JPEG 2000", encoded(".jp2", larger)},
      {"P1", "P1\n3 2\n1 0 1\n0 1 0\n"},
      {"P2", encoded(".pgm", grey, words)},
      {"P3", encoded(".ppm", colour, words)},
      {"P4", encoded(".pbm", bits)},
      {"P5", encoded(".pgm", grey)},
      {"P6", encoded(".ppm", colour)},
      {"P6 of 16 bits", encoded(".ppm", deep)}};
  cv::Mat floats;
  colour.convertTo(floats, CV_32F, 1 / 255.);
  all.push_back({"TIFF of floats", encoded(".tiff", floats)});
  for (const example& e : std::vector(all))  // the same without the boxes around it
    if (const auto at = e.bytes.find("\xff\x4f\xff\x51");
        e.form == "JPEG 2000" && at != e.bytes.npos)
      all.push_back({"JPEG 2000, bare", e.bytes.substr(at)});
  std::erase_if(all, [](const example& e) { return e.bytes.empty(); });
  return all;
}

/// One to four changes: bits, bytes, telling numbers, marks of other forms, cuts, and pieces that
/// are repeated or removed; half of them among the first 64 bytes, which decide most.
std::string damaged(std::string bytes, std::mt19937& random)
{
  static const std::array<std::string, 12> telling{"\xff\xff\xff\xff"s,
                                                   "\x7f\xff\xff\xff"s,
                                                   "\xff\xff\xff\x7f"s,
                                                   "\0\0\0\x80"s,
                                                   "\x80\0\0\0"s,
                                                   "\0\0\0\0"s,
                                                   "\xff\xff"s,
                                                   "\0\0"s,
                                                   "\0\x01\0\0"s,
                                                   "\0\0\x01\0"s,
                                                   "99999"s,
                                                   "-1 "s};
  static const std::array<std::pair<std::size_t, std::string>, 4> marks{
      {{128, "DICM"}, {140, "DTED"}, {0, "RIFF"}, {8, "WEBP"}}};
  const auto below = [&](std::size_t n) { return n ? random() % n : 0; };
  for (auto changes = 1 + below(4); changes > 0 && !bytes.empty(); --changes) {
    const std::size_t at =
        below(2) ? below(bytes.size()) : below(std::min<std::size_t>(bytes.size(), 64));
    const std::size_t length = std::min(1 + below(20), bytes.size() - at);
    switch (below(8)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 1:
      case 2:
        bytes[at] = static_cast<char>(random());
        break;
      case 3: {
        const auto& number = telling[below(telling.size())];
        bytes.replace(at, std::min(number.size(), bytes.size() - at), number);
        break;
      }
      case 4:
        bytes.resize(at);
        break;
      case 5:
        bytes.insert(at, bytes.substr(at, length));
        break;
      case 6:
        bytes.erase(at, length);
        break;
      default: {
        const auto& [place, mark] = marks[below(marks.size())];
        if (bytes.size() < place + mark.size()) bytes.resize(place + mark.size(), '\0');
        bytes.replace(place, mark.size(), mark);
        break;
      }
    }
  }
  return bytes;
}

}  // namespace

TEST_CASE("a damaged picture of any form ends in a picture or in one sentence")
{
  const auto file = std::filesystem::temp_directory_path() /
                    ("retinue-fuzz-" + std::to_string(::getpid()) + ".png");
  std::mt19937 random(7);
  for (const example& from : examples()) {
    int pictures = 0, sentences = 0, wrong = 0;
    for (int number = 0; number < 500; ++number) {
      CAPTURE(from.form, number);
      const std::string bytes = number == 0 ? from.bytes : damaged(from.bytes, random);
      std::filesystem::remove(file);  // or the system brings each to the disk
      std::ofstream(file, std::ios::binary)
          .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      std::string said;
      {
        const silence quiet;
        try {
          const cv::Mat picture = read_image(file);
          ++pictures;
          wrong += picture.empty() || picture.type() != CV_8UC3;
        } catch (const error& e) {
          ++sentences;
          said = e.what();
          wrong += !said.starts_with(file.string() + ": ") || said.size() > 400 ||
                   said.find('\n') != said.npos;
        }
      }
      if (number == 0 && !said.empty() && from.form != "TIFF of floats") FAIL(said);
    }
    CAPTURE(from.form, pictures, sentences);
    CHECK(wrong == 0);
    CHECK(sentences > 100);  // or the damage would prove nothing
  }
  std::filesystem::remove(file);
}
