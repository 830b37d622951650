// SPDX-License-Identifier: Apache-2.0
#include <retinue/weights/read_weights.hpp>

#include "catch.hpp"
#include "shared.hpp"
#include "torch_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

using namespace retinue;
using namespace retinue::test;

namespace {

/// A file with these bytes that is gone when the test is over.
struct made_file {
  std::filesystem::path path = std::filesystem::temp_directory_path() /
                               ("retinue-weights-" + std::to_string(::getpid()) + ".pth");
  explicit made_file(std::string_view bytes)
  {
    std::ofstream(path, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  ~made_file() { std::filesystem::remove(path); }
};

/// What a file with these bytes is refused with, after its name.
std::string refusal(std::string_view bytes)
{
  const made_file made(bytes);
  const auto said = sentence([&] { return read_weights(made.path); });
  const auto name = made.path.string() + ": ";
  return said.starts_with(name) ? said.substr(name.size()) : "without its name: " + said;
}

struct expected_file {
  const char* name;
  std::size_t tensors;
  const char* first;
  std::vector<std::int64_t> shape;
};

}  // namespace

TEST_CASE("the form is told by the first bytes")
{
  const auto object = pickled::dictionary({{"w", {12}, {1}}});
  const named_bytes storage{{"0", std::string(48, '\0')}};
  const std::string header = R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
  for (const auto& bytes : {legacy_file(object, storage), torch_zip(object, storage),
                            bytes_of(static_cast<std::uint64_t>(header.size())) + header + "x"}) {
    const made_file made(bytes);
    CHECK(read_weights(made.path).find("w"));
  }
}

TEST_CASE("what is no file of weights is said to be what it is")
{
  CHECK(refusal("") == "an empty file, not weights");
  CHECK(refusal("version https://git-lfs.github.com/spec/v1\n").starts_with("a git-lfs pointer"));
  CHECK(refusal("\n <!DOCTYPE html><html>").starts_with("a page of HTML"));
  CHECK(refusal("\x08\x05\x12\x07pytorch\x1a\x05").starts_with("an ONNX model"));
  CHECK(refusal("\x89HDF\r\n\x1a\n").starts_with("an HDF5 file"));
  CHECK(refusal("\x1f\x8b\x08 packed").starts_with("compressed by gzip"));
  CHECK(refusal("\x89PNG\r\n").starts_with("a picture"));
  CHECK(refusal("{\"message\": \"not found\"}").starts_with("JSON text"));
  CHECK(refusal(std::string(600, '\0')).starts_with("nothing but zeros"));
  CHECK(refusal(std::string(257, 'a') + "ustar").starts_with("a tar archive"));
  CHECK(refusal(" \n").starts_with("blank"));
  CHECK(refusal("\x01\x02\xff") ==
        "neither of torch.save nor safetensors: it begins with 01 02 ff");
  CHECK(refusal("PK\3\4").starts_with("not a ZIP archive that can be read"));
  CHECK(refusal("\x80\2").starts_with("the pickle cannot be read at byte 2"));
}

TEST_CASE("folders, pipes and absent files are refused, and none is waited for")
{
  const auto place = std::filesystem::temp_directory_path();
  const auto pipe = place / ("retinue-pipe-" + std::to_string(::getpid()));
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const auto of = [](const std::filesystem::path& p) {
    return sentence([&] { return read_weights(p); });
  };
  CHECK(of(place).find("not a file but a folder") != std::string::npos);
  CHECK(of(pipe).find("not a file but a folder, pipe") != std::string::npos);
  CHECK(of(place / "retinue" / "absent").find("no such file") != std::string::npos);
  std::filesystem::remove(pipe);
}

TEST_CASE("public checkpoints are read whole", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const std::vector<expected_file> files{
      {"mobilenetV1X0.25_pretrain.tar", 164, "stage1.0.0.weight", {8, 3, 3, 3}},
      {"plate_ccpd_epoch20_4lm.pth", 300, "body.stage1.0.0.weight", {8, 3, 3, 3}},
      {"retinaface68_stage5_epoch121.pt", 320, "body.stage1.0.0.weight", {8, 3, 3, 3}},
      {"retinaface_RBF_Final.pth", 258, "body.0.0.weight", {16, 3, 3, 3}},
      {"retinaface_mobilenet0.25_Final.pth", 300, "body.stage1.0.0.weight", {8, 3, 3, 3}},
      {"retinaface_slim_Final.pth", 198, "body.0.0.weight", {16, 3, 3, 3}},
      {"ulfg_version-RFB-320.pth", 244, "body.0.0.weight", {16, 3, 3, 3}},
      {"yunet_s.pth", 181, "backbone.model0.conv1.weight", {16, 3, 3, 3}}};
  for (const auto& expected : files) {
    CAPTURE(expected.name);
    const auto weights = read_weights(shared("weights") / expected.name);
    CHECK(weights.size() == expected.tensors);
    CHECK(weights.begin()->first == expected.first);
    CHECK(weights.begin()->second.shape == expected.shape);
    for (const auto& [name, tensor] : weights) {
      if (tensor.type != dtype::f32) continue;
      for (const float v : tensor.values<float>())
        if (!std::isfinite(v)) FAIL(name << " holds what is not finite");
    }
  }
  CHECK(sentence([] {
          return read_weights(shared("weights/retinaface_mobilenet0.25_Final.onnx"));
        }).find("an ONNX model") != std::string::npos);
}

TEST_CASE("names of other repositories become ours, and nothing is lost or guessed")
{
  const std::vector<float> values{1, 2, 3, 4};
  const auto numbered = [&] { return tensor_of<float>(dtype::f32, {4, 1}, values); };
  const auto renamed = [&](const std::vector<std::string>& names) {
    state_dict theirs;
    theirs.metadata["epoch"] = "7";
    for (const auto& name : names) theirs.insert(name, numbered());
    const state_dict ours = in_our_names(theirs);
    CHECK(ours.size() == names.size());
    CHECK(ours.metadata == theirs.metadata);
    return ours;
  };
  const auto light =
      renamed({"base_net.0.0.weight", "regression_headers.0.0.weight", "extras.0.0.bias",
               "extras.0.2.2.bias", "base_net.7.branch0.0.conv.weight",
               "classification_headers.3.bias", "base_net.x.weight", "something.else"});
  for (const char* name :
       {"body.0.0.weight", "loc.0.0.weight", "extras.0.bias", "extras.1.2.bias",
        "body.7.branch0.0.conv.weight", "conf.3.bias", "base_net.x.weight", "something.else"}) {
    INFO(name);
    CHECK(light.find(name));
  }
  const auto slim = renamed({"conv1.0.weight", "landm.0.0.weight", "conv13.4.running_mean",
                             "conv14.0.bias", "conv14.2.2.bias", "loc.3.bias"});
  for (const char* name : {"body.0.0.weight", "landm.0.0.weight", "body.12.4.running_mean",
                           "extras.0.bias", "extras.1.2.bias", "loc.3.bias"}) {
    INFO(name);
    CHECK(slim.find(name));
  }
  const auto many =
      renamed({"body.mobilenet0_conv0.0.weight", "fpn.lateral_blocks.0.0.weight",
               "body.mobilenet0_conv10.1.bias", "body.mobilenet0_conv11.0.weight",
               "body.mobilenet0_conv22.0.weight", "body.mobilenet0_conv26.1.running_var",
               "body.mobilenet0_conv27.0.weight", "fpn.aggr_blocks.1.0.bias",
               "fpn.context_blocks.2.det_context_conv3_2.1.bias", "ClassHead.0.conv1x1.weight"});
  for (const char* name :
       {"body.stage1.0.0.weight", "fpn.output1.0.weight", "body.stage1.5.4.bias",
        "body.stage2.0.0.weight", "body.stage2.5.3.weight", "body.stage3.1.4.running_var",
        "body.mobilenet0_conv27.0.weight", "fpn.merge2.0.bias", "ssh3.conv7x7_3.1.bias"}) {
    INFO(name);
    CHECK(many.find(name));
  }
  // Theirs has the background last.
  const auto head = many.find("ClassHead.0.conv1x1.weight")->values<float>();
  CHECK(std::vector(head.begin(), head.end()) == std::vector<float>{2, 1, 4, 3});

  // Weights of ours, or of nobody known, stay as they are.
  CHECK(renamed({"conv1.0.weight", "fc.bias"}).find("conv1.0.weight"));
  state_dict odd;
  odd.insert("body.mobilenet0_conv0.0.weight", numbered());
  odd.insert("fpn.lateral_blocks.0.0.weight", numbered());
  odd.insert("ClassHead.0.conv1x1.bias",
             tensor_of<float>(dtype::f32, {3}, std::span(values).first(3)));
  CHECK(sentence([&] { return in_our_names(odd); }) ==
        "ClassHead.0.conv1x1.bias has the shape (3), expected two rows for each anchor");
  state_dict twice;
  for (const char* name : {"conv1.0.weight", "landm.0.0.weight", "body.0.0.weight"})
    twice.insert(name, numbered());
  CHECK(sentence([&] { return in_our_names(twice); }).find("body.0.0.weight") != std::string::npos);
}

TEST_CASE("beginnings that come near a form are told from it")
{
  CHECK(refusal("[1, 2]").starts_with("JSON text"));
  CHECK(refusal("\x7f"
                "ELF\2")
            .starts_with("a program"));
  CHECK(refusal("\xfd"
                "7zXZ")
            .starts_with("compressed by xz"));
  CHECK(refusal("\1\2\3\4TFL3").starts_with("a TensorFlow Lite model"));
  // Nearly what ONNX begins with: a version of 1 to 31, then a field of bytes.
  const auto near = [](std::string_view bytes) {
    return refusal(bytes).starts_with("neither of torch.save nor safetensors: it begins with 08");
  };
  using namespace std::string_view_literals;
  CHECK(refusal("\x08\x1f\x12\x07p"sv).starts_with("an ONNX model"));
  CHECK(refusal("\x08\x01\x1a\x07p"sv).starts_with("an ONNX model"));
  CHECK(near("\x08\x00\x12\x07p"sv));
  CHECK(near("\x08\x20\x12\x07p"sv));
  CHECK(near("\x08\x05\x13\x07p"sv));
  CHECK(near("\x08\x05\x12\x07"sv));
  // Nearly a pickle: protocols 1 to 5. Nearly safetensors: a header within the file.
  CHECK(refusal("\x80\x00"sv)
            .starts_with("neither of torch.save nor safetensors: it begins with "
                         "80 00"));
  CHECK(refusal("\x80\x06"sv).starts_with("neither of torch.save"));
  CHECK(refusal("\x80\x05"sv).starts_with("the pickle cannot be read"));
  CHECK(refusal("\x09\0\0\0\0\0\0\0{"sv).starts_with("neither of torch.save"));
  CHECK(refusal("\x08\0\0\0\0\0\0\0{"sv).starts_with("the header has 8 bytes"));
  CHECK(refusal("\x01\0\0\0\0\0\0\0{"sv).starts_with("the header is not JSON"));
  // A pickle of protocol 1 begins with its first number.
  CHECK(refusal("L119547037146038801333356L\n.").starts_with("the pickle cannot be read"));
  CHECK(refusal("L119547037146038801333357L\n.").starts_with("neither of torch.save"));
}

TEST_CASE("names with numbers that no network has stay, and heads of odd shapes are refused")
{
  const std::vector<float> values{1, 2, 3, 4};
  const auto with = [&](const std::string& name, host_tensor tensor) {
    state_dict theirs;
    for (const char* sign : {"body.mobilenet0_conv0.0.weight", "fpn.lateral_blocks.0.0.weight"})
      theirs.insert(sign, tensor_of<float>(dtype::f32, {4}, values));
    theirs.insert(name, std::move(tensor));
    return theirs;
  };
  for (const char* name :
       {"fpn.lateral_blocks.-1.0.weight", "fpn.lateral_blocks.1001.0.weight",
        "fpn.lateral_blocks.1.", "fpn.lateral_blocks.x.0.weight", "fpn.lateral_blocks.99999999999.",
        "body.mobilenet0_conv-1.0.weight", "body.mobilenet0_conv27.0.weight",
        "body.mobilenet0_conv3.2.weight", "body.mobilenet0_convx.0.weight"}) {
    INFO(name);
    const auto ours = in_our_names(with(name, tensor_of<float>(dtype::f32, {4}, values)));
    CHECK((ours.find(name) != nullptr) == (std::string_view(name) != "fpn.lateral_blocks.1."));
  }
  CHECK(in_our_names(with("fpn.lateral_blocks.1000.w", tensor_of<float>(dtype::f32, {4}, values)))
            .find("fpn.output1001.w"));
  const auto refused = [&](host_tensor head) {
    return sentence([&] { return in_our_names(with("ClassHead.0.b", std::move(head))); });
  };
  const std::string end = ", expected two rows for each anchor";
  CHECK(refused({dtype::f32, {}, std::vector<std::byte>(4)}) ==
        "ClassHead.0.b has the shape ()" + end);
  CHECK(refused({dtype::f32, {2, 0}, {}}) == "ClassHead.0.b has the shape (2, 0)" + end);
  CHECK(refused({dtype::f32, {4}, std::vector<std::byte>(3)}) ==
        "ClassHead.0.b has the shape (4)" + end);
}

TEST_CASE("values and counters of the public MobileNet checkpoint", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const auto weights = read_weights(shared("weights/retinaface_mobilenet0.25_Final.pth"));
  const auto first = weights.find("body.stage1.0.0.weight")->values<float>();
  CHECK(first.front() == -0x1.1675b0p-3f);
  CHECK(first.back() == 0x1.ef52dap-4f);
  const auto* counter = weights.find("body.stage1.0.1.num_batches_tracked");
  REQUIRE(counter);
  CHECK(counter->shape.empty());
  CHECK(counter->values<std::int64_t>()[0] == 190840);
  const auto* last = weights.find("LandmarkHead.2.conv1x1.bias");
  REQUIRE(last);
  CHECK(last->values<float>().size() == 20);
  CHECK(last->values<float>().back() == 0x1.d763fep-3f);
  std::int64_t numbers = 0;
  for (const auto& [name, tensor] : weights) numbers += tensor.count();
  CHECK(numbers == 433343);
  const auto pretrained = read_weights(shared("weights/mobilenetV1X0.25_pretrain.tar"));
  CHECK(pretrained.metadata.at("epoch") == "18");
  CHECK(pretrained.find("momentum_buffer") == nullptr);
}

TEST_CASE("a public checkpoint passes through safetensors unchanged", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const made_file made("");
  const auto weights = read_weights(shared("weights/yunet_s.pth"));
  write_safetensors(made.path, weights);
  const auto again = read_weights(made.path);
  REQUIRE(again.size() == weights.size());
  for (auto a = again.begin(), b = weights.begin(); a != again.end(); ++a, ++b) {
    CHECK(a->first == b->first);
    CHECK(a->second.shape == b->second.shape);
    CHECK(a->second.bytes == b->second.bytes);
  }
}
