// SPDX-License-Identifier: Apache-2.0
// Runs a target over the files of a folder, which C's functions alone read: MemorySanitizer takes
// for unwritten what the streams, the trees and the paths of C++'s library have written, as that is
// not compiled for it.
#include <dirent.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

int main(int count, char** arguments)
{
  if (count != 2) return std::fprintf(stderr, "%s FOLDER\n", arguments[0]), 2;
  const std::string folder = arguments[1];
  DIR* const opened = opendir(folder.c_str());
  if (opened == nullptr) return std::perror(folder.c_str()), 2;
  std::size_t ran = 0;
  while (const dirent* entry = readdir(opened)) {
    if (entry->d_name[0] == '.') continue;
    std::FILE* const file = std::fopen((folder + "/" + entry->d_name).c_str(), "rb");
    if (file == nullptr) return std::perror(entry->d_name), 2;
    std::vector<std::uint8_t> room(1 << 20);
    const auto size = std::fread(room.data(), 1, room.size(), file);
    std::fclose(file);
    // Of its own size, so that who reads beyond its end is seen.
    const std::vector<std::uint8_t> bytes(room.begin(), room.begin() + std::ptrdiff_t(size));
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    ++ran;
  }
  closedir(opened);
  std::printf("%zu files\n", ran);
  return ran > 0 ? 0 : 2;
}
