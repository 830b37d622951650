// SPDX-License-Identifier: Apache-2.0
// Which negatives are learnt from, of your own.
//
// The negatives that a network gets most wrong are often objects that nobody labelled. This mining
// takes the hardest, but leaves out those that are worse than nearly all: a share of the worst.
#include <retinue/backend/host.hpp>
#include <retinue/losses.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <span>
#include <vector>

using namespace retinue;

namespace {
struct cautious_negatives {
  double share = 0.02;     // of the negatives, the worst, which are not believed
  std::size_t ratio = 3;   // to a positive
  std::size_t least = 16;  // where an image has none

  // How wrong each anchor is if it is background; the verdicts; the rows to fill in, rising.
  void operator()(std::span<const float> wrong, std::span<const verdict> verdicts,
                  std::size_t positives, std::vector<row_index>& chosen)
  {
    chosen.clear();
    for (row_index a = 0; a < verdicts.size(); ++a)
      if (verdicts[a] == verdict::negative) chosen.push_back(a);
    std::ranges::sort(chosen, [&](row_index a, row_index b) { return wrong[a] > wrong[b]; });
    const auto doubted = static_cast<std::ptrdiff_t>(share * static_cast<double>(chosen.size()));
    chosen.erase(chosen.begin(), chosen.begin() + doubted);
    chosen.resize(std::min(chosen.size(), std::max(ratio * positives, least)));
    std::ranges::sort(chosen);
  }
};
static_assert(negative_mining<cautious_negatives>);
// Where tables lie on a device, mining is asked for no rows, but for how many, by a further
// function, quota(positives), and gets the hardest: see retinue/losses/hard_negatives.hpp.
using settings = multibox_settings<schemas::none, centre_size_coder, cautious_negatives>;
}  // namespace

int main()
{
  // A thousand anchors, the higher the more wrong; the 200th is a positive, the last an object that
  // has no label.
  std::vector<float> wrong(1000);
  for (std::size_t a = 0; a < wrong.size(); ++a) wrong[a] = 0.01f * static_cast<float>(a);
  std::vector<verdict> verdicts(wrong.size(), verdict::negative);
  verdicts[199] = verdict::positive;

  const settings loss{};
  for (const double share : {0.0, loss.mining.share}) {
    cautious_negatives mine = loss.mining;
    mine.share = share;
    std::vector<row_index> chosen;
    mine(wrong, verdicts, 1, chosen);
    std::printf("without %.0f %%: %zu, rows %u to %u\n", 100 * share, chosen.size(),
                unsigned(chosen.front()), unsigned(chosen.back()));
  }
}

// Output:
//   without 0 %: 16, rows 984 to 999
//   without 2 %: 16, rows 965 to 980
