// SPDX-License-Identifier: Apache-2.0
// A small C interface to a detector, for whatever hands tensors over by DLPack: a shared library,
// which examples/dlpack.py calls from Python with arrays of NumPy, or of anything that has a
// __dlpack__. Nothing is copied on the way in.
#include <retinue/backend/dlpack.hpp>
#include <retinue/backend/host.hpp>
#include <retinue/detect.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <span>
#include <string>

using namespace retinue;

namespace {
using face5 = schemas::face5;

int say(const std::string& text, char* message, int room)
{
  if (room > 0) {
    const auto length = std::min(text.size(), static_cast<std::size_t>(room) - 1);
    std::memcpy(message, text.data(), length);
    message[length] = '\0';
  }
  return -1;
}

number_rows viewed(const void* managed, const char* what)
{
  if (!managed) return {};
  return view_dlpack(static_cast<const dlpack::managed_tensor*>(managed)->dl_tensor, what);
}
}  // namespace

extern "C" {

// Faces in a picture of `width` x `height` pixels that the network saw as it is: (score, x1, y1,
// x2, y2, five times x and y) of each, the first `room` of them, to `found`. The three tensors are
// pointers to DLManagedTensor: scores (anchors, 2), boxes (anchors, 4), points (anchors, 10).
// Returns how many there are, or -1 and says why.
int retinue_find_faces(const void* scores, const void* boxes, const void* points, int width,
                       int height, float* found, int room, char* message, int message_room)
{
  try {
    detector<face5, host_backend> detect(square_anchors::retinaface(), {.score = 0.5f});
    const auto faces = detect({.scores = viewed(scores, "scores"),
                               .boxes = viewed(boxes, "boxes"),
                               .points = viewed(points, "points")},
                              frame::unscaled({.height = height, .width = width}));
    int written = 0;
    for (const auto& face : faces) {
      if (written == room) break;
      float* to = found + 15 * written++;
      *to++ = face.score;
      for (std::size_t c = 0; c < 4; ++c) *to++ = face.bounds[c];
      for (std::size_t c = 0; c < 10; ++c) *to++ = face.points[c];
    }
    return static_cast<int>(faces.size());
  } catch (const std::exception& e) {
    return say(e.what(), message, message_room);
  }
}

// Where a view of the tensor begins: that of its own memory, for nothing is copied. Null, and why,
// where it cannot be viewed.
const float* retinue_first_number(const void* tensor, char* message, int message_room)
{
  try {
    const auto view = viewed(tensor, "numbers");
    return view.size() > 0 ? view[0].data : nullptr;
  } catch (const std::exception& e) {
    say(e.what(), message, message_room);
    return nullptr;
  }
}

}  // extern "C"
