// SPDX-License-Identifier: Apache-2.0
// One MobileNet 0.25 on 640 x 640 pixels, run once for each line that is asked for: what
// runtimes.py compares other runtimes with.
//
//   runtimes faces.onnx 1        writes the network as ONNX, then reads "ours" or "opencv" line by
//                                line, runs it with one thread, and answers in milliseconds
//
// The weights are random, which changes nothing of the time.
#include <retinue/models/onnx.hpp>
#include <retinue/models/retinaface.hpp>
#include <retinue/models/runner.hpp>
#include <retinue/models/threads.hpp>

#include <opencv2/core.hpp>
#include <opencv2/dnn.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

namespace {

using namespace retinue;

template <class Work>
double milliseconds(const Work& work)
{
  const auto began = std::chrono::steady_clock::now();
  work();
  return 1e3 * std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

void serve(const std::string& file, int threads)
{
  constexpr int side = 640;
  use_threads(threads);
  cv::setNumThreads(threads);
  torch::manual_seed(1);
  retinaface<schemas::face5> network;
  write_onnx(file, onnx_of(network, {.size = {side, side}}));
  const runner<retinaface<schemas::face5>> ours(network);
  cv::dnn::Net theirs = cv::dnn::readNetFromONNX(file);
  const at::Tensor images = torch::randn({1, 3, side, side}) * 60;
  const std::vector<int> sizes{1, 3, side, side};
  const cv::Mat input(sizes, CV_32F, images.data_ptr());
  const auto names = theirs.getUnconnectedOutLayersNames();
  std::vector<cv::Mat> said;
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "ours") {
      std::cout << milliseconds([&] { static_cast<void>(ours(images)); }) << std::endl;
    } else {
      std::cout << milliseconds([&] {
        theirs.setInput(input);
        theirs.forward(said, names);
      }) << std::endl;
    }
  }
}

}  // namespace

int main(int count, char** values)
{
  try {
    if (count != 3) fail("expected a file to write and a number of threads");
    serve(values[1], std::stoi(values[2]));
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "runtimes: " << e.what() << "\n";
    return 2;
  }
}
