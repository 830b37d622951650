// SPDX-License-Identifier: Apache-2.0
#include <retinue/image/files.hpp>
#include <retinue/image/planes.hpp>

#include "catch.hpp"

#include <opencv2/imgproc.hpp>

#include <unistd.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

using namespace retinue;

namespace {

/// A folder that is gone when the test is over.
struct made_folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("retinue-images-" + std::to_string(::getpid()));
  made_folder() { std::filesystem::create_directory(path); }
  made_folder(const made_folder&) = delete;
  made_folder& operator=(const made_folder&) = delete;
  ~made_folder() { std::filesystem::remove_all(path); }

  std::filesystem::path save(const char* name, const cv::Mat& picture) const
  {
    REQUIRE(cv::imwrite((path / name).string(), picture));
    return path / name;
  }
  std::filesystem::path write(const char* name, std::string_view bytes) const
  {
    std::ofstream(path / name, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return path / name;
  }
};

std::string bytes_of(const std::filesystem::path& file)
{
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// What a file is refused with, after its name.
std::string refusal(const std::filesystem::path& file)
{
  try {
    static_cast<void>(read_image(file));
  } catch (const error& e) {
    const std::string said = e.what(), name = file.string() + ": ";
    return said.starts_with(name) ? said.substr(name.size()) : "without its name: " + said;
  }
  return "not refused";
}

/// Smooth, different in every channel and every corner.
cv::Mat ramp(int height, int width)
{
  cv::Mat made(height, width, CV_8UC3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      made.at<cv::Vec3b>(y, x) = cv::Vec3b(static_cast<std::uint8_t>(255 * x / width),
                                           static_cast<std::uint8_t>(255 * y / height),
                                           static_cast<std::uint8_t>((x + 2 * y) % 200));
  return made;
}

bool same(const cv::Mat& a, const cv::Mat& b)
{
  return a.size() == b.size() && a.type() == b.type() && cv::norm(a, b, cv::NORM_INF) == 0;
}

}  // namespace

TEST_CASE("every form becomes 8-bit BGR")
{
  const made_folder folder;
  const cv::Mat colour = ramp(13, 17);
  CHECK(same(read_image(folder.save("c.png", colour)), colour));
  CHECK(same(read_image(folder.save("c.bmp", colour)), colour));

  cv::Mat grey;
  cv::cvtColor(colour, grey, cv::COLOR_BGR2GRAY);
  cv::Mat grey3;
  cv::cvtColor(grey, grey3, cv::COLOR_GRAY2BGR);
  CHECK(same(read_image(folder.save("g.png", grey)), grey3));

  cv::Mat deep(13, 17, CV_16UC3, cv::Scalar(0x12FF, 0x3400, 0xFF80));
  const cv::Mat upper(13, 17, CV_8UC3, cv::Scalar(0x12, 0x34, 0xFF));
  CHECK(same(read_image(folder.save("d.png", deep)), upper));

  cv::Mat alpha(13, 17, CV_8UC4, cv::Scalar(10, 20, 30, 0));
  CHECK(same(read_image(folder.save("a.png", alpha)), cv::Mat(13, 17, CV_8UC3, {10, 20, 30})));
}

TEST_CASE("the smallest and the longest pictures are read")
{
  const made_folder folder;
  CHECK(same(read_image(folder.save("1.png", ramp(1, 1))), ramp(1, 1)));
  CHECK(same(read_image(folder.save("l.png", ramp(2, 20000))), ramp(2, 20000)));
  CHECK(read_image(folder.save("l.jpg", ramp(20000, 2))).rows == 20000);
}

TEST_CASE("pictures are turned as their EXIF says")
{
  const made_folder folder;
  const auto plain = bytes_of(folder.save("p.jpg", ramp(16, 48)));
  // Orientation 6: to be turned clockwise. Big endian TIFF with one entry, tag 0x0112.
  const std::string exif(
      "\xff\xe1\x00\x22"
      "Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0",
      36);
  const auto turned = folder.write("t.jpg", plain.substr(0, 2) + exif + plain.substr(2));
  const cv::Mat picture = read_image(turned);
  CHECK(picture.rows == 48);
  CHECK(picture.cols == 16);
  cv::Mat expected;
  cv::rotate(read_image(folder.path / "p.jpg"), expected, cv::ROTATE_90_CLOCKWISE);
  CHECK(same(picture, expected));
}

namespace {
/// A TIFF block with one entry that tells the orientation, of either byte order.
std::string exif_of(int orientation, bool little)
{
  const char o = static_cast<char>(orientation);
  return little ? std::string("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18) + o +
                      std::string(7, '\0')
                : std::string("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 19) + o +
                      std::string(6, '\0');
}

std::string number_of(std::size_t n, bool little)
{
  std::string made(4, '\0');
  for (std::size_t i = 0; i < 4; ++i)
    made[little ? i : 3 - i] = static_cast<char>(n >> 8 * i & 255);
  return made;
}

/// A WebP with an EXIF chunk behind the pixels, in the extended form.
std::string webp_with(const std::string& exif, const std::string& simple, int width, int height)
{
  const auto size = [](int side) {
    return number_of(static_cast<std::size_t>(side - 1), true).substr(0, 3);
  };
  const std::string rest = "WEBPVP8X" + number_of(10, true) + std::string("\x08\0\0\0", 4) +
                           size(width) + size(height) + simple.substr(12) + "EXIF" +
                           number_of(exif.size(), true) + exif + std::string(exif.size() % 2, '\0');
  return "RIFF" + number_of(rest.size(), true) + rest;
}

std::string png_with(const std::string& exif, const std::string& plain)
{
  std::uint32_t check = 0xffffffff;  // CRC-32 of the chunk's name and bytes
  for (const char c : "eXIf" + exif)
    for (int bit = 0; bit < 8; ++bit) {
      const bool one = ((check ^ static_cast<unsigned char>(c) >> bit) & 1) != 0;
      check = check >> 1 ^ (one ? 0xedb88320 : 0);
    }
  const std::string chunk =
      number_of(exif.size(), false) + "eXIf" + exif + number_of(~check, false);
  return plain.substr(0, 33) + chunk + plain.substr(33);  // behind the header
}

/// The pixel of the upright picture, of `height` x `width`, that one of the stored picture becomes.
cv::Mat upright(const cv::Mat& stored, int orientation)
{
  const bool aside = orientation >= 5;
  cv::Mat made(aside ? stored.cols : stored.rows, aside ? stored.rows : stored.cols, CV_8UC3);
  for (int y = 0; y < stored.rows; ++y)
    for (int x = 0; x < stored.cols; ++x) {
      const int right = stored.cols - 1 - x, below = stored.rows - 1 - y;
      // Where row 0 and column 0 of the stored picture are seen, from the table of the standard.
      const cv::Point to = orientation == 1   ? cv::Point(x, y)
                           : orientation == 2 ? cv::Point(right, y)
                           : orientation == 3 ? cv::Point(right, below)
                           : orientation == 4 ? cv::Point(x, below)
                           : orientation == 5 ? cv::Point(y, x)
                           : orientation == 6 ? cv::Point(below, x)
                           : orientation == 7 ? cv::Point(below, right)
                                              : cv::Point(y, right);
      made.at<cv::Vec3b>(to) = stored.at<cv::Vec3b>(y, x);
    }
  return made;
}
}  // namespace

TEST_CASE("PNG and WebP are turned as their EXIF says")
{
  const made_folder folder;
  const cv::Mat colour = ramp(13, 21);
  const auto png = bytes_of(folder.save("p.png", colour));
  std::vector<std::uint8_t> encoded;
  REQUIRE(cv::imencode(".webp", colour, encoded, {cv::IMWRITE_WEBP_QUALITY, 101}));  // lossless
  const std::string webp(encoded.begin(), encoded.end());
  const cv::Mat stored = read_image(folder.write("p.webp", webp));
  REQUIRE(same(stored, colour));
  for (int orientation = 1; orientation <= 8; ++orientation)
    for (const bool little : {true, false}) {
      CAPTURE(orientation, little);
      const std::string exif = exif_of(orientation, little);
      const cv::Mat expected = upright(colour, orientation);
      CHECK(same(read_image(folder.write("t.png", png_with(exif, png))), expected));
      for (const std::string& block : {exif, std::string("Exif\0\0", 6) + exif})
        CHECK(same(read_image(folder.write("t.webp", webp_with(block, webp, 21, 13))), expected));
    }
  for (const int none : {0, 9, 255})
    CHECK(same(read_image(folder.write("n.webp", webp_with(exif_of(none, true), webp, 21, 13))),
               colour));
  const std::string whole = exif_of(6, true);
  for (std::size_t size = 0; size < 18; ++size)
    CHECK(same(read_image(folder.write("c.webp", webp_with(whole.substr(0, size), webp, 21, 13))),
               colour));
  // Some tools leave a line's end behind a picture's.
  for (const char* behind : {"\n", "\r\n", "abc", "abcd", "\xff\xff\xff\xff\xff"})
    CHECK(same(read_image(folder.write("b.png", png + behind)), colour));
}

TEST_CASE("forms that no decoder is trusted with are refused by their names")
{
  const made_folder folder;
  const auto said = [&](std::string bytes) { return refusal(folder.write("a.png", bytes)); };
  const std::string expected = ", expected JPEG, PNG, BMP, WebP, TIFF, JPEG 2000 or PNM";
  const auto at = [](std::size_t place, std::string_view mark, std::string from = "") {
    from.resize(place, '\0');
    return from.append(mark);
  };
  CHECK(said(at(128, "DICM")) == "of the form DICOM" + expected);
  CHECK(said(at(140, "DTED") + std::string(100, '\0')) ==
        "of the form DTED elevation model" + expected);
  // Another decoder's beginning brings a file to DICOM's where that decoder does not take it.
  for (const std::string& begin :
       {std::string("RIFF\x90\0\0\0WEBPXXXX", 16), std::string("\0\0\0\x0cjP  \r\n\x87\n", 12),
        std::string("MM\0*", 4), std::string("MM"), std::string("BM"), std::string("P5 2 2")})
    CHECK(said(at(128, "DICM", begin)) == "of the form DICOM" + expected);
  const std::string four_floats("\0\0\x80\x3f\0\0\x80\x3f\0\0\x80\x3f\0\0\x80\x3f", 16);
  CHECK(said("Pf\n2 2\n-1.0\n" + four_floats) == "of the form PFM" + expected);
  CHECK(said("PF\n2 2\n-1.0\n" + four_floats) == "of the form PFM" + expected);
  CHECK(said("P7\nWIDTH 1\n") == "of the form PAM" + expected);
  CHECK(said("#?RADIANCE\n") == "of the form Radiance HDR" + expected);
  CHECK(said("\x76\x2f\x31\x01\2") == "of the form OpenEXR" + expected);
  CHECK(said("\x59\xa6\x6a\x95") == "of the form Sun raster" + expected);
  CHECK(said("NITF02.10") == "of the form NITF" + expected);
  CHECK(said("GIF89a") == "of the form GIF" + expected);
  CHECK(said(std::string("\0\0\0\x1c"
                         "ftypavif",
                         12)) == "of the form AVIF" + expected);
  CHECK(said("P8 1 1").starts_with("not a picture"));
  CHECK(said("P6").starts_with("not a picture"));
  CHECK(said("\x89PNG").starts_with("not a picture"));
}

TEST_CASE("what is no whole picture is refused by name")
{
  const made_folder folder;
  CHECK(refusal(folder.path / "none.jpg") == "no such file");
  CHECK(refusal(folder.path) == "not a file but a folder, pipe or device");
  CHECK(refusal(folder.write("e.jpg", "")) == "an empty file, not a picture");
  CHECK(refusal(folder.write("t.jpg", "Dear reader, this is a letter.")) ==
        "not a picture, expected JPEG, PNG, BMP, WebP, TIFF, JPEG 2000 or PNM");
  CHECK(refusal(folder.write("h.jpg", std::string("\0\0\0\x18"
                                                  "ftypheic\0\0\0\0",
                                                  16))) ==
        "of the form HEIC, expected JPEG, PNG, BMP, WebP, TIFF, JPEG 2000 or PNM");
  CHECK(refusal(folder.write("w.webp", std::string("RIFF\x04\0\0\0WEBP", 12))) ==
        "a WebP, which this OpenCV does not read or which ends in its first bytes");

  const auto jpeg = bytes_of(folder.save("whole.jpg", ramp(200, 300)));
  CHECK(refusal(folder.path / "whole.jpg") == "not refused");
  CHECK(refusal(folder.write("w.jpg", jpeg + "a camera's own notes")) == "not refused");
  for (const std::size_t size : {jpeg.size() - 2, jpeg.size() / 2, std::size_t{30}, std::size_t{4}})
    CHECK(refusal(folder.write("c.jpg", jpeg.substr(0, size))) ==
          "a JPEG that was cut short, at " + std::to_string(size) + " bytes");
  // The end of a thumbnail is not the end of the picture around it.
  const std::string thumbnail("\xff\xe1\x00\x08\xff\xd8\xff\xd9xx", 10);
  CHECK(refusal(folder.write("th.jpg",
                             jpeg.substr(0, 2) + thumbnail + jpeg.substr(2, 5000 % jpeg.size())))
            .starts_with("a JPEG that was cut short"));

  const auto png = bytes_of(folder.save("whole.png", ramp(200, 300)));
  CHECK(refusal(folder.write("c.png", png.substr(0, png.size() / 2))) ==
        "a damaged or incomplete PNG");
}

TEST_CASE("a progressive JPEG is whole, too")
{
  const made_folder folder;
  std::vector<std::uint8_t> bytes;
  REQUIRE(cv::imencode(".jpg", ramp(100, 100), bytes,
                       {cv::IMWRITE_JPEG_PROGRESSIVE, 1, cv::IMWRITE_JPEG_RST_INTERVAL, 4}));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  CHECK(refusal(folder.write("p.jpg", text)) == "not refused");
  CHECK(refusal(folder.write("p.jpg", text.substr(0, text.size() - 40)))
            .starts_with("a JPEG that was cut short"));
}

TEST_CASE("a picture that is too large is refused before it is read")
{
  const made_folder folder;
  std::string bmp = bytes_of(folder.save("s.bmp", ramp(4, 4)));
  for (const std::size_t at : {18u, 22u}) {  // width and height: 65,536 each
    bmp.replace(at, 4, std::string("\0\0\x01\0", 4));
  }
  CHECK(refusal(folder.write("large.bmp", bmp)) ==
        "a picture of more pixels than OpenCV reads (2^30, and 2^20 a side)");
}

TEST_CASE("the pictures of a folder come in natural order")
{
  const made_folder folder;
  for (const char* name : {"10.jpg", "9.JPG", "a2b10.png", "a2b9.png", "007.bmp", "notes.txt",
                           ".hidden.jpg", "noending", "b.tar.jpeg"})
    folder.write(name, "");
  std::filesystem::create_directory(folder.path / "folder.jpg");
  std::vector<std::string> names;
  for (const auto& file : images_in(folder.path)) names.push_back(file.filename().string());
  CHECK(names == std::vector<std::string>{"007.bmp", "9.JPG", "10.jpg", "a2b9.png", "a2b10.png",
                                          "b.tar.jpeg"});
  CHECK_THROWS_AS(images_in(folder.path / "none"), error);
  CHECK_THROWS_AS(images_in(folder.path / "10.jpg"), error);
  CHECK(is_image_name("a.TiFf"));
  CHECK(!is_image_name("jpg"));
  CHECK(!is_image_name("a.jpg.txt"));
}

TEST_CASE("a frame has a pixel of the picture at least")
{
  CHECK((frame{{0, 0}, {10, 10}}).content() == extent2{1, 1});
  CHECK((frame{{4, 4}, {10, 1}, 1, 0.1}).content() == extent2{1, 1});
  CHECK(fit_into({1000, 10}, {5, 5}).content() == extent2{5, 1});
  CHECK_THROWS_WITH(fit_into({10, 20}, {0, 5}),
                    "a picture of 20 x 10 pixels cannot be scaled into an input of 5 x 0");
}

TEST_CASE("a frame keeps the long side and tells the exact scales")
{
  const frame wide = fit_long_side({480, 640}, 320);
  CHECK(wide.input == extent2{240, 320});
  CHECK(wide.original == extent2{480, 640});
  CHECK(wide.scale_x == 0.5);
  CHECK(fit_long_side({300, 100}, 600).input == extent2{600, 200});
  const frame thin = fit_long_side({2, 20000}, 640);
  CHECK(thin.input == extent2{1, 640});
  CHECK(thin.scale_x == 0.032);
  CHECK(thin.scale_y == 0.5);
  CHECK(fit_long_side({7, 7}, 7).scale_y == 1);
  CHECK_THROWS_AS(fit_long_side({0, 5}, 10), error);
  CHECK_THROWS_AS(fit_long_side({5, 5}, 0), error);
}

TEST_CASE("planes hold (value - mean) / scale in the order asked for")
{
  const cv::Mat large = ramp(40, 2500);
  const cv::Mat part = large(cv::Rect(3, 5, 2100, 19));  // rows that are not contiguous
  for (const std::string order : {"bgr", "rgb"}) {
    const pixel_format format{order, {104, 117, 123}, {1, 2, 57.5}};
    std::vector<float> planes(3 * 2100 * 19 + 1, -9999);
    to_planes(part, format, planes.data());
    double worst = 0;
    for (int c = 0; c < 3; ++c)
      for (int y = 0; y < 19; ++y)
        for (int x = 0; x < 2100; ++x) {
          const auto plane = static_cast<std::size_t>(c);
          const int channel = order == "bgr" ? c : 2 - c;
          const double expected =
              (part.at<cv::Vec3b>(y, x)[channel] - format.mean[plane]) / format.scale[plane];
          const auto at = static_cast<std::size_t>((c * 19 + y) * 2100 + x);
          worst = std::max(worst, std::abs(double(planes[at]) - expected));
        }
    CHECK(worst < 2e-5);
    CHECK(planes.back() == -9999);
  }
  float none = 0;
  CHECK_THROWS_AS(to_planes(cv::Mat(1, 1, CV_8UC1), {}, &none), error);
  CHECK_THROWS_AS(to_planes(cv::Mat(1, 1, CV_8UC3), {.channels = "grb"}, &none), error);
}
