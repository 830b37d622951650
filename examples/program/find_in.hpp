// SPDX-License-Identifier: Apache-2.0
// One picture sent through a detector.
#pragma once

#include <retinue/data/detections_json.hpp>  // is_finite
#include <retinue/detect.hpp>
#include <retinue/image/pixel_format.hpp>
#include <retinue/image/planes.hpp>

#include <torch/torch.h>
#include <opencv2/core.hpp>

#include <cstddef>
#include <span>
#include <vector>

/// What is found in one picture, in its pixels. Returns how many detections are left out, for they
/// are not finite.
template <class Detector, class Found>
std::size_t find_in(Detector& detect, const cv::Mat& picture, const retinue::frame& how,
                    const retinue::pixel_format& format, Found& found)
{
  at::Tensor planes = at::empty({1, 3, how.input.height, how.input.width});
  retinue::to_input(picture, how, format, planes.data_ptr<float>());
  detect(planes, std::span(&how, 1), found);
  return std::erase_if(found[0], [](const auto& d) { return !retinue::is_finite(d); });
}
