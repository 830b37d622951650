// SPDX-License-Identifier: Apache-2.0
// Suppressors against their definitions, for boxes of small whole numbers, which overlap and tie,
// or of any bits at all.
#include "../by_definition.hpp"
#include "target.hpp"

#include <retinue/suppress.hpp>

using namespace retinue;
using namespace retinue::fuzz;

const std::size_t fuzz::memory_per_byte = 1000;

namespace {
std::vector<row_index> rows_of(const kept_rows& kept)
{
  return {kept.rows.begin(), kept.rows.end()};
}

template <class Lengths>
void check_greedy(std::span<const box<float>> boxes, std::span<const float> scores, float overlap,
                  std::size_t keep)
{
  auto expected = test::greedy_by_definition<Lengths>(boxes, scores, overlap);
  expected.resize(std::min(expected.size(), keep));
  greedy_suppressor<Lengths> suppress(overlap, keep);
  law(rows_of(suppress(boxes, scores)) == expected, "greedy suppression is what it is defined as");
  law(rows_of(suppress(boxes, scores)) == expected, "a call leaves nothing behind for the next");
}

/// Each class on its own, then all by score.
void check_classes(std::span<const box<float>> boxes, std::span<const float> scores,
                   std::span<const std::int32_t> labels, float overlap)
{
  std::vector<bool> kept(boxes.size());
  for (std::int32_t label = 1; label <= 3; ++label) {
    std::vector<box<float>> own;
    std::vector<float> own_scores;
    std::vector<row_index> from;
    for (std::size_t i = 0; i < boxes.size(); ++i)
      if (labels[i] == label) {
        own.push_back(boxes[i]);
        own_scores.push_back(scores[i]);
        from.push_back(static_cast<row_index>(i));
      }
    for (const auto row : test::greedy_by_definition<continuous>(own, own_scores, overlap))
      kept[from[row]] = true;
  }
  per_class_suppressor<greedy_suppressor<>> suppress{greedy_suppressor<>(overlap)};
  const auto rows = rows_of(suppress(boxes, scores, labels));
  for (const auto row : rows) {
    law(kept[row], "a class keeps what it keeps alone");
    kept[row] = false;
  }
  law(std::ranges::find(kept, true) == kept.end(), "a class loses nothing to another");
  for (std::size_t i = 1; i < rows.size(); ++i)
    law(!(scores[rows[i - 1]] < scores[rows[i]]), "what is kept comes best first");
}

/// Pair by pair, without regard to classes, and with boxes that vote: the same rows.
void check_kin(std::span<const box<float>> boxes, std::span<const float> scores,
               std::span<const std::int32_t> labels, float overlap)
{
  const auto expected = test::greedy_by_definition<continuous>(boxes, scores, overlap);
  measured_suppressor<> pairs(overlap);
  law(rows_of(pairs(boxes, scores)) == expected, "pair by pair it is what it is defined as");
  class_agnostic<greedy_suppressor<>> blind{greedy_suppressor<>(overlap)};
  law(rows_of(blind(boxes, scores, labels)) == expected, "what is blind to classes sees one");
  voting_suppressor<> vote(greedy_suppressor<>(overlap), 0.6f);
  const auto kept = vote(boxes, scores);
  law(rows_of(kept) == expected, "a vote keeps what its inner suppressor keeps");
  for (std::size_t k = 0; k < kept.rows.size(); ++k)
    law(kept.scores[k] == scores[kept.rows[k]], "a vote leaves scores as they are");
  matrix_suppressor<> matrix;
  const auto decayed = matrix(boxes, scores);
  for (std::size_t k = 0; k < decayed.rows.size(); ++k)
    law(decayed.scores[k] <= scores[decayed.rows[k]], "a matrix lowers scores");
}

void check_soft(std::span<const box<float>> boxes, std::span<const float> scores)
{
  soft_suppressor<> suppress;
  const auto kept = suppress(boxes, scores);
  law(kept.rows.size() == kept.scores.size(), "each that is kept has a score");
  for (std::size_t i = 0; i < kept.rows.size(); ++i) {
    law(kept.scores[i] <= scores[kept.rows[i]] && kept.scores[i] >= 0.001f,
        "scores are lowered, down to a floor");
    law(i == 0 || kept.scores[i] <= kept.scores[i - 1], "what is kept comes best first");
  }
}
}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  draws in(bytes, size);
  constexpr std::array<float, 8> overlaps{0, 0.05f, 0.3f, 0.4f, 0.5f, 0.7f, 0.95f, 1};
  const float overlap = overlaps[in.below(overlaps.size())];
  const bool any_bits = in.below(2) == 1;
  const std::size_t keep = in.below(4) == 0 ? in.below(20) : greedy_suppressor<>::unlimited;
  std::vector<box<float>> boxes;
  std::vector<float> scores;
  std::vector<std::int32_t> labels;
  while (!in.empty() && boxes.size() < 100) {
    box<float> b;
    for (std::size_t c = 0; c < 4; ++c)
      b[c] = any_bits ? in.any<float>() : static_cast<float>(in.any<std::uint8_t>());
    const auto score = any_bits ? in.any<float>() : static_cast<float>(in.below(16)) / 16;
    if (!any_bits) b.x2 += b.x1, b.y2 += b.y1;
    boxes.push_back(b);
    scores.push_back(score);
    labels.push_back(1 + static_cast<std::int32_t>(in.below(3)));
  }
  check_greedy<continuous>(boxes, scores, overlap, keep);
  check_greedy<inclusive_pixels>(boxes, scores, overlap, keep);
  check_classes(boxes, scores, labels, overlap);
  check_soft(boxes, scores);
  if (!any_bits) check_kin(boxes, scores, labels, overlap);
  return 0;
}
