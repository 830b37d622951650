// SPDX-License-Identifier: Apache-2.0
// The XML of one picture of PASCAL VOC, in a folder that is made once, by either origin.
#include "truths.hpp"

#include <retinue/data/voc_annotations.hpp>

#include <system_error>

using namespace retinue;
using namespace retinue::fuzz;

const std::size_t fuzz::memory_per_byte = 1000;

namespace {
namespace fs = std::filesystem;

/// Its one annotation leads to the file in memory of whichever process asks.
struct folder {
  memory_file annotation;
  fs::path path = fs::temp_directory_path() / ("retinue-fuzz-voc-" + std::to_string(::getpid()));

  folder()
  {
    fs::create_directories(path / "ImageSets" / "Main");
    fs::create_directories(path / "Annotations");
    write_text(path / "ImageSets" / "Main" / "all.txt", "a\n");
    fs::create_symlink(annotation.path(), path / "Annotations" / "a.xml");
  }
  ~folder()
  {
    std::error_code any;
    fs::remove_all(path, any);
  }
};
}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  static const folder made;
  made.annotation.holding(text_of(bytes, size));
  for (const auto origin : {voc_origin::from_0, voc_origin::from_1})
    check_reader(made.path.string(), [&](const read_options& how) {
      return read_voc(made.path, "all", {how, origin, {}});
    });
  return 0;
}
