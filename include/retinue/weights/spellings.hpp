// SPDX-License-Identifier: Apache-2.0
// Public checkpoints of networks that stand here, under names that others gave their tensors.
//
//   const state_dict weights = in_our_names(read_pytorch(bytes, "version-RFB-320.pth"));
//
// read_weights does this itself. A spelling of yours is a line in known_spellings: what tells it,
// and what its names begin with here. Only names change, but for one repository whose heads have
// the background in the last column.
#pragma once

#include <retinue/error.hpp>               // fail
#include <retinue/weights/state_dict.hpp>  // state_dict

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace retinue {

namespace detail {

/// Names that begin so are here begun otherwise. `#` is a number, which `shift` is added to.
struct renaming {
  std::string_view theirs, ours;
  int shift = 0;
};

/// Where a name fits a pattern: what it begins with here, and the rest. Nothing where it does not.
[[nodiscard]] inline std::string renamed(std::string_view name, const renaming& rule)
{
  const std::size_t gap = rule.theirs.find('#');
  const std::string_view before = rule.theirs.substr(0, gap);
  if (!name.starts_with(before)) return {};
  std::string_view rest = name.substr(before.size());
  if (gap == rule.theirs.npos) return std::string(rule.ours).append(rest);
  int number = 0;
  const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (read.ec != std::errc() || number < 0 || number > 1000) return {};
  rest.remove_prefix(static_cast<std::size_t>(read.ptr - rest.data()));
  const std::string_view after = rule.theirs.substr(gap + 1);
  if (!rest.starts_with(after)) return {};
  const std::size_t place = rule.ours.find('#');
  std::string made(rule.ours.substr(0, place));
  made += std::to_string(number + rule.shift);
  made.append(rule.ours.substr(place + 1)).append(rest.substr(after.size()));
  return made;
}

/// The rows of a head whose two columns of scores stand in the other order, exchanged.
[[nodiscard]] inline host_tensor with_background_first(host_tensor head, const std::string& name)
{
  if (head.shape.empty() || head.shape[0] % 2 != 0 || head.count() == 0 ||
      head.bytes.size() < static_cast<std::size_t>(head.shape[0]))
    fail(name, " has the shape ", text_of(head.shape), ", expected two rows for each anchor");
  const std::size_t row = head.bytes.size() / static_cast<std::size_t>(head.shape[0]);
  for (std::size_t at = 0; at + 2 * row <= head.bytes.size(); at += 2 * row)
    std::swap_ranges(head.bytes.begin() + static_cast<std::ptrdiff_t>(at),
                     head.bytes.begin() + static_cast<std::ptrdiff_t>(at + row),
                     head.bytes.begin() + static_cast<std::ptrdiff_t>(at + row));
  return head;
}

/// MobileNet's convolutions by their numbers, as MXNet has them: 0 is the first, then a 3x3 of each
/// channel and a 1x1 in turn.
[[nodiscard]] inline std::string mobilenet_name(std::string_view name)
{
  constexpr std::string_view begin = "body.mobilenet0_conv";
  if (!name.starts_with(begin)) return {};
  const std::string_view rest = name.substr(begin.size());
  int number = 0;
  const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  const std::string_view part = rest.substr(static_cast<std::size_t>(read.ptr - rest.data()));
  const bool normalization = part.starts_with(".1.");
  if (read.ec != std::errc() || number < 0 || number > 26 ||
      !(normalization || part.starts_with(".0.")))
    return {};
  const int block = (number + 1) / 2, stage = block < 6 ? 1 : block < 12 ? 2 : 3;
  constexpr std::array first{0, 6, 12};
  const bool over_channels = number > 0 && number % 2 == 0;
  return "body.stage" + std::to_string(stage) + "." +
         std::to_string(block - first[static_cast<std::size_t>(stage - 1)]) + "." +
         std::to_string((over_channels ? 3 : 0) + (normalization ? 1 : 0)) +
         std::string(part.substr(2));
}

}  // namespace detail

/// How one repository names its tensors. The first rule that a name fits holds; a name that fits
/// none stays.
struct known_spelling {
  std::string_view what;                ///< whose it is
  std::array<std::string_view, 2> has;  ///< names that tell it
  std::span<const detail::renaming> rules;
  bool background_last = false;  ///< of ClassHead
};

namespace detail {
inline constexpr std::array<renaming, 7> ultra_light_rules{{{"base_net.#.", "body.#."},
                                                            {"extras.0.0.", "extras.0."},
                                                            {"extras.0.2.", "extras.1."},
                                                            {"regression_headers.", "loc."},
                                                            {"classification_headers.", "conf."},
                                                            {"landmark_headers.", "landm."},
                                                            {"landms_headers.", "landm."}}};
inline constexpr std::array<renaming, 3> ultra_light_landmark_rules{
    {{"conv14.0.", "extras.0."}, {"conv14.2.", "extras.1."}, {"conv#.", "body.#.", -1}}};
inline constexpr std::array<renaming, 7> mxnet_rules{
    {{"fpn.lateral_blocks.#.", "fpn.output#.", 1},
     {"fpn.aggr_blocks.#.", "fpn.merge#.", 1},
     {"fpn.context_blocks.#.det_conv1.", "ssh#.conv3X3.", 1},
     {"fpn.context_blocks.#.det_context_conv1.", "ssh#.conv5X5_1.", 1},
     {"fpn.context_blocks.#.det_context_conv2.", "ssh#.conv5X5_2.", 1},
     {"fpn.context_blocks.#.det_context_conv3_1.", "ssh#.conv7X7_2.", 1},
     {"fpn.context_blocks.#.det_context_conv3_2.", "ssh#.conv7x7_3.", 1}}};
}  // namespace detail

/// The repositories whose names are known.
inline constexpr std::array<known_spelling, 3> known_spellings{
    {{"Ultra-Light-Fast-Generic-Face-Detector-1MB",
      {"base_net.0.0.weight", "regression_headers.0.0.weight"},
      detail::ultra_light_rules},
     {"Face-Detector-1MB-with-landmark",
      {"conv1.0.weight", "landm.0.0.weight"},
      detail::ultra_light_landmark_rules},
     {"68-Retinaface-Pytorch-version",
      {"body.mobilenet0_conv0.0.weight", "fpn.lateral_blocks.0.0.weight"},
      detail::mxnet_rules,
      true}}};

/// The same weights under the names that the networks here give them, where a spelling is known;
/// as they are otherwise.
[[nodiscard]] inline state_dict in_our_names(state_dict weights)
{
  const known_spelling* theirs = nullptr;
  for (const known_spelling& s : known_spellings)
    if (weights.find(s.has[0]) && weights.find(s.has[1])) theirs = &s;
  if (!theirs) return weights;
  state_dict ours;
  ours.metadata = weights.metadata;
  for (const auto& [name, tensor] : weights) {
    std::string called = detail::mobilenet_name(name);
    for (const detail::renaming& rule : theirs->rules)
      if (called.empty()) called = detail::renamed(name, rule);
    if (called.empty()) called = name;
    if (theirs->background_last && called.starts_with("ClassHead."))
      ours.insert(std::move(called), detail::with_background_first(tensor, name));
    else
      ours.insert(std::move(called), tensor);
  }
  return ours;
}

}  // namespace retinue
