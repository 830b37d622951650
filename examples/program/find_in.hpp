// SPDX-License-Identifier: Apache-2.0
// One picture sent through a detector.
#pragma once

#include <retinue/detect.hpp>
#include <retinue/image/pixel_format.hpp>
#include <retinue/image/planes.hpp>

#include <torch/torch.h>
#include <opencv2/core.hpp>

#include <span>

/// What is found in one picture, in its pixels.
template <class Detector, class Found>
void find_in(Detector& detect, const cv::Mat& picture, const retinue::frame& how,
             const retinue::pixel_format& format, Found& found)
{
  at::Tensor planes = at::empty({1, 3, how.input.height, how.input.width});
  retinue::to_input(picture, how, format, planes.data_ptr<float>());
  detect(planes, std::span(&how, 1), found);
}
