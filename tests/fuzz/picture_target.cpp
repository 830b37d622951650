// SPDX-License-Identifier: Apache-2.0
// What is read of a picture before OpenCV sees it: the form that its first bytes announce, whether
// a JPEG is whole, and how a camera was held.
#include "target.hpp"

#include <retinue/image/orientation.hpp>
#include <retinue/image/signatures.hpp>

using namespace retinue;
using namespace retinue::fuzz;

const std::size_t fuzz::memory_per_byte = 4;

namespace {
std::string number(std::size_t value, bool little)
{
  std::string four(4, '\0');
  for (std::size_t i = 0; i < 4; ++i)
    four[little ? i : 3 - i] = static_cast<char>(value >> 8 * i & 0xff);
  return four;
}
}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  using namespace std::string_literals;
  const std::string_view file = text_of(bytes, size);
  const auto form = detail::form_of_picture(file.substr(0, detail::signature_bytes));
  const auto whole = detail::form_of_picture(file);
  law(form.name == whole.name && form.read == whole.read, "the first bytes say all of the form");
  law(!form.read || detail::forms_read.find(form.name) != std::string_view::npos,
      "what is read is in the list");
  // Those whose decoders end the process where they expect something else.
  const auto stands = [&](std::size_t at, std::string_view what) {
    return file.size() > at && file.substr(at).starts_with(what);
  };
  law(!form.read || !(stands(128, "DICM") || stands(140, "DTED")),
      "what stands behind any beginning is refused");

  const int told = detail::exif_orientation(file);
  for (const int one : {told, detail::png_orientation(file), detail::webp_orientation(file)})
    law(one >= 1 && one <= 8, "an orientation is 1 to 8");
  const std::string block(file);
  law(detail::png_orientation("\x89PNG\r\n\x1a\n"s + number(0, false) + "IHDR" + "sum4" +
                              number(size, false) + "eXIf" + block + "sum4") == told,
      "a PNG is held as its block says");
  law(detail::webp_orientation("RIFF"s + number(size + 24, true) + "WEBP" + "VP8 " +
                               number(1, true) + "x" + '\0' + "EXIF" + number(size, true) +
                               block) == (size > 0 ? told : 1),
      "a WebP is held as its block says");

  if (detail::jpeg_is_whole(file))
    law(file.find("\xff\xd9") != std::string_view::npos, "a whole JPEG has an end");
  if (form.name == "JPEG") {
    const std::string twice = block + "\xff\xd9";
    law(!detail::jpeg_is_whole(file) || detail::jpeg_is_whole(twice), "what is whole stays whole");
  }
  return 0;
}
