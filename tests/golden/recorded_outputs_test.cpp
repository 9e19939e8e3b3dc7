// SPDX-License-Identifier: Apache-2.0
// The engine against what LiteRT's reference kernels recorded, byte for byte.
#include <fstream>
#include <nlohmann/json.hpp>

#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/npy.hpp"
#include "qfi/data/data_set.hpp"
#include "qfi/engine/program.hpp"
#include "qfi/workload/evaluate.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using nlohmann::json;
using test::value_of;

struct Recording {
  std::filesystem::path folder;
  json manifest;

  std::string model_name() const { return manifest["model"].get<std::string>(); }
  bool is_float() const {
    return std::ranges::any_of(manifest["tensors"], [](const json& tensor) {
      return tensor["kind"] == "CONV_2D" && tensor["dtype"] == "float32";
    });
  }
};

std::vector<Recording> recordings(const std::filesystem::path& folder) {
  std::vector<Recording> found;
  if (!std::filesystem::exists(folder)) return found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path() / "manifest.json");
    found.push_back({entry.path(), json::parse(file)});
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.folder < b.folder; });
  return found;
}

// All images; of a folded constant, the one value.
std::string bytes_of_tensor(const Program& program, const Batch& batch, int index) {
  const Tensor& tensor = program.model().tensors[static_cast<std::size_t>(index)];
  const auto bytes = tensor.is_constant ? tensor.data : batch.tensor(index);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::size_t image_count(const NpyArray& input, const Tensor& tensor) {
  return input.data.size() / tensor.bytes();
}

class RecordedOutputs : public testing::TestWithParam<KernelSet> {};

// Every operator output of every image, by the recorded hashes.
TEST_P(RecordedOutputs, OfRealModelsAreReproduced) {
  QFI_NEEDS_SHARED_DATA();
  int models = 0;
  for (const Recording& recording : recordings(test::shared_folder() / "data/golden")) {
    const auto file = test::shared_folder() / "data/models" / recording.model_name();
    if (recording.is_float() || !std::filesystem::exists(recording.folder / "input.npy")) continue;
    if (GetParam() == KernelSet::reference && std::filesystem::file_size(file) > 2'000'000) continue;
    SCOPED_TRACE(recording.model_name());
    ProgramParams params{GetParam(), true, {}};
    const Program program = value_of(Program::prepare(value_of(load_tflite(file)), params));
    const NpyArray input = value_of(read_npy(recording.folder / "input.npy"));
    const Tensor& input_tensor = program.model().tensors[static_cast<std::size_t>(program.model().inputs[0])];
    const std::size_t images = image_count(input, input_tensor);
    Batch batch(program, images);
    ASSERT_EQ(batch.tensor(program.model().inputs[0]).size(), input.data.size());
    std::memcpy(batch.tensor(program.model().inputs[0]).data(), input.data.data(), input.data.size());
    program.run(batch, 0, program.model().operators.size());
    for (const json& recorded : recording.manifest["tensors"]) {
      const int index = recorded["index"];
      const std::string bytes = bytes_of_tensor(program, batch, index);
      const Tensor& tensor = program.model().tensors[static_cast<std::size_t>(index)];
      const std::size_t size = tensor.bytes();
      for (std::size_t image = 0; image < std::min(images, recorded["xxh64"].size()); ++image)
        EXPECT_EQ(fmt::format("{:016x}", xxh64(bytes_of(std::string_view(bytes).substr(
                                             tensor.is_constant ? 0 : image * size, size)))),
                  recorded["xxh64"][image])
            << recorded["kind"] << " " << index << " image " << image;
    }
    ++models;
  }
  // The shared data may grow; no recording may be passed over.
  EXPECT_GE(models, GetParam() == KernelSet::reference ? 38 : 39);
}

// Bit-exactness is not promised for FLOAT32; every value is within this of the largest of its tensor.
constexpr float k_float_tolerance = 1e-5F;

TEST(RecordedFloatOutputs, AreReproducedWithinTheTolerance) {
  QFI_NEEDS_SHARED_DATA();
  int models = 0;
  for (const Recording& recording : recordings(test::shared_folder() / "data/golden")) {
    if (!recording.is_float()) continue;
    SCOPED_TRACE(recording.model_name());
    const auto file = test::shared_folder() / "data/models" / recording.model_name();
    const Program program =
        value_of(Program::prepare(value_of(load_tflite(file)), {KernelSet::portable, true, {}}));
    const NpyArray input = value_of(read_npy(recording.folder / "input.npy"));
    const int input_tensor = program.model().inputs[0];
    const std::size_t images =
        image_count(input, program.model().tensors[static_cast<std::size_t>(input_tensor)]);
    Batch batch(program, images);
    std::memcpy(batch.tensor(input_tensor).data(), input.data.data(), input.data.size());
    program.run(batch, 0, program.model().operators.size());
    for (const json& recorded : recording.manifest["tensors"]) {
      const int index = recorded["index"];
      const Tensor& tensor = program.model().tensors[static_cast<std::size_t>(index)];
      if (tensor.type != TensorType::float32) continue;
      const std::string bytes = bytes_of_tensor(program, batch, index);
      if (!recorded.contains("file")) continue;
      const NpyArray expected = value_of(read_npy(recording.folder / recorded["file"].get<std::string>()));
      const auto* ours = reinterpret_cast<const float*>(bytes.data());
      const auto* theirs = reinterpret_cast<const float*>(expected.data.data());
      const std::size_t count = std::min(bytes.size(), expected.data.size()) / sizeof(float);
      float largest = 0;
      for (std::size_t i = 0; i < count; ++i) largest = std::max(largest, std::fabs(theirs[i]));
      std::size_t differing = 0;  // NaN included
      for (std::size_t i = 0; i < count; ++i)
        differing += std::fabs(ours[i] - theirs[i]) <= k_float_tolerance * largest ? 0 : 1;
      EXPECT_EQ(differing, 0U) << recorded["kind"] << " " << index << " of " << count;
    }
    ++models;
  }
  EXPECT_GE(models, 8);
}

TEST_P(RecordedOutputs, OfSingleOperatorsAreReproduced) {
  QFI_NEEDS_SHARED_DATA();
  int cases = 0;
  for (const Recording& recording : recordings(test::shared_folder() / "data/golden_ops")) {
    SCOPED_TRACE(recording.folder.filename().string());
    auto model = load_tflite(recording.folder / "model.tflite");
    EXPECT_TRUE(model) << model.error().message;
    if (!model) continue;
    auto prepared = Program::prepare(std::move(*model), {GetParam(), true, {}});
    // The runtime's reference kernel writes 9 of this output's 18 bytes; the rest of the recording
    // is whatever lay in memory. qfi refuses the operator for INT16.
    if (recording.folder.filename() == "sum_hw.int16") {
      EXPECT_FALSE(prepared);
      continue;
    }
    EXPECT_TRUE(prepared) << prepared.error().message;
    if (!prepared) continue;
    const Program& program = *prepared;
    const auto& inputs = program.model().inputs;
    std::vector<NpyArray> arrays;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      const auto numbered = recording.folder / fmt::format("input{}.npy", k);
      arrays.push_back(
          value_of(read_npy(std::filesystem::exists(numbered) ? numbered : recording.folder / "input.npy")));
    }
    const std::size_t images =
        image_count(arrays[0], program.model().tensors[static_cast<std::size_t>(inputs[0])]);
    Batch batch(program, images);
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      ASSERT_EQ(batch.tensor(inputs[k]).size(), arrays[k].data.size());
      std::memcpy(batch.tensor(inputs[k]).data(), arrays[k].data.data(), arrays[k].data.size());
    }
    program.run(batch, 0, program.model().operators.size());
    for (const json& recorded : recording.manifest["tensors"]) {
      const NpyArray expected = value_of(read_npy(recording.folder / recorded["file"].get<std::string>()));
      const std::string bytes = bytes_of_tensor(program, batch, recorded["index"]);
      // Recorded either for every image or for the first one.
      ASSERT_LE(expected.data.size(), bytes.size());
      std::size_t differing = 0;
      for (std::size_t i = 0; i < expected.data.size(); ++i)
        differing += expected.data[i] != bytes[i] ? 1 : 0;
      EXPECT_EQ(differing, 0U) << recorded["kind"] << " of " << expected.data.size() << " bytes, "
                               << bytes.size();
    }
    const auto& outputs = program.model().outputs;
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      const auto file = outputs.size() == 1 ? "outputs.npy" : fmt::format("outputs{}.npy", k);
      const bool is_equal =
          value_of(read_npy(recording.folder / file)).data == bytes_of_tensor(program, batch, outputs[k]);
      EXPECT_TRUE(is_equal) << "output " << k << ", all images";
    }
    ++cases;
  }
  EXPECT_GE(cases, 361);
}

// The whole path of `qfi run`: the user's files, quantization, engine, counts.
struct DataCase {
  std::string model;
  DataConfig data;
  InputScaling input;

  friend void PrintTo(const DataCase& c, std::ostream* out) { *out << c.model; }
};

ConfigPath shared_file(const std::string& name) { return {name, test::shared_folder() / "data" / name}; }

DataConfig data_of(DataFormat format, const char* images, const char* labels, ImageSelection select) {
  DataConfig config;
  config.format = format;
  config.images = shared_file(images);
  if (*labels != '\0') config.labels = shared_file(labels);
  config.select = std::move(select);
  return config;
}

// All models that were recorded with a data set at hand. Long runs are cut short.
std::vector<DataCase> data_cases() {
  const InputScaling centred{{1.0 / 128.0}, {128.0}, false};
  const InputScaling unit{{1.0 / 255.0}, {0.0}, false};
  const auto cifar = [](ImageSelection select) {
    return data_of(DataFormat::cifar10, "cifar10/test_batch_0000-4999.bin", "", std::move(select));
  };
  const auto mnist = [](ImageSelection select) {
    return data_of(DataFormat::idx, "mnist/t10k-images-idx3-ubyte.gz", "mnist/t10k-labels-idx1-ubyte.gz",
                   std::move(select));
  };
  const auto scenes = [](ImageSelection select) {
    return data_of(DataFormat::npy, "scenes/test_images.npy", "scenes/test_labels.npy", std::move(select));
  };
  const DataConfig gtsrb =
      data_of(DataFormat::npy, "gtsrb/test_images.npy", "gtsrb/test_labels.npy", SelectAll{});
  const DataConfig first_gtsrb =
      data_of(DataFormat::npy, "gtsrb/test_images.npy", "gtsrb/test_labels.npy", SelectFirst{500});
  const auto imagenet = [](ColorMode color, std::optional<Resize> resize, ImageSelection select,
                           bool has_labels) {
    DataConfig config = data_of(DataFormat::npy, "imagenet_sample/images_160.npy",
                                has_labels ? "imagenet_sample/labels.npy" : "", std::move(select));
    config.label_offset = has_labels ? 1 : 0;
    config.color = color;
    config.resize = resize;
    return config;
  };
  const Resize to_96{96, 96, ResizeMethod::bilinear};
  return {{"ic_resnet8_int8", cifar(SelectAll{}), {}},
          {"ic_resnet8_large_int8", cifar(SelectFirst{200}), {}},
          {"ic_resnet8_fp32", cifar(SelectFirst{1000}), {}},
          {"alexnet_cifar10_int8", cifar(SelectFirst{100}), centred},
          {"resnet18w16_cifar10_int8", cifar(SelectAll{}), centred},
          {"resnet18w16_cifar10_pruned50_int8", cifar(SelectFirst{200}), centred},
          {"resnet18w16_cifar10_fp32", cifar(SelectFirst{1000}), centred},
          {"resnet18w16_cifar10_uint8io", cifar(SelectFirst{500}), centred},
          {"resnet18w16_gtsrb_int8", gtsrb, centred},
          {"resnet34w16_cifar10_int8", cifar(SelectFirst{200}), centred},
          {"resnet34w16_cifar10_uint8io", cifar(SelectFirst{200}), centred},
          {"resnet34w16_gtsrb_int8", first_gtsrb, centred},
          {"mobv1_050_cifar10_int8", cifar(SelectFirst{500}), centred},
          {"mobv1_050_cifar10_uint8io", cifar(SelectFirst{500}), centred},
          {"mobv2_050_cifar10_int8", cifar(SelectFirst{500}), centred},
          {"mobv2_050_cifar10_uint8io", cifar(SelectFirst{500}), centred},
          {"mobv1_050_gtsrb_int8", gtsrb, centred},
          {"mobv2_050_gtsrb_int8", first_gtsrb, centred},
          {"mobilenet_v1_0.5_160_quant", imagenet(ColorMode::as_stored, std::nullopt, SelectAll{}, true), {}},
          {"vww_96_int8", imagenet(ColorMode::as_stored, to_96, SelectAll{}, false), unit},
          {"person_detect", imagenet(ColorMode::grey, to_96, SelectAll{}, false), {}},
          {"deeplabv3_mnv2_dm05_pascal_quant",
           imagenet(ColorMode::as_stored, Resize{513, 513, ResizeMethod::bilinear}, SelectFirst{2}, false),
           {}},
          {"lenet5_mnist_int8", mnist(SelectAll{}), unit},
          {"lenet5_mnist_int16x8", mnist(SelectAll{}), unit},
          {"lenet5_mnist_uint8io", mnist(SelectAll{}), unit},
          {"lenet5_mnist_floatio", mnist(SelectAll{}), unit},
          {"lenet5_mnist_fp32", mnist(SelectFirst{1000}), unit},
          {"lenet5_valid_mnist_int8", mnist(SelectAll{}), unit},
          {"lenet5_valid_mnist_acc89_int8", mnist(SelectAll{}), unit},
          {"mlp7_mnist_int8", mnist(SelectAll{}), unit},
          {"mlp7_mnist_acc70_int8", mnist(SelectAll{}), unit},
          {"unet_relu_int8", scenes(SelectAll{}), centred},
          {"unet_sigmoid_int8", scenes(SelectAll{}), centred},
          {"unet_hard_sigmoid_int8", scenes(SelectAll{}), centred},
          {"unet_relu_pruned_int8", scenes(SelectAll{}), centred},
          {"unet_sigmoid_pruned_int8", scenes(SelectAll{}), centred},
          {"unet_hard_sigmoid_pruned_int8", scenes(SelectAll{}), centred},
          {"unet_relu_pruned_fp32", scenes(SelectFirst{10}), centred},
          {"unet_relu_fp32", scenes(SelectFirst{50}), centred},
          {"unet_sigmoid_fp32", scenes(SelectFirst{50}), centred},
          {"unet_hard_sigmoid_fp32", scenes(SelectFirst{50}), centred}};
}

class RecordedData : public testing::TestWithParam<DataCase> {};

TEST_P(RecordedData, GivesTheRecordedOutputsAndCounts) {
  QFI_NEEDS_SHARED_DATA();
  const DataCase& c = GetParam();
  const Program program =
      value_of(Program::prepare(value_of(load_tflite(shared_file("models/" + c.model + ".tflite").path))));
  const DataSet data = value_of(DataSet::open(c.data, 1));
  const TemporaryFolder folder = value_of(TemporaryFolder::create());
  EvaluateParams params;
  params.scaling = c.input;
  params.scores = program.model().outputs[0];
  params.threads = 2;
  params.files = {{program.model().outputs[0], folder.path() / "out.npy"}};
  const Evaluation evaluation = value_of(evaluate(program, data, params));

  const NpyArray ours = value_of(read_npy(folder.path() / "out.npy"));
  const auto golden = test::shared_folder() / "data/golden" / c.model;
  const NpyArray recorded = value_of(read_npy(golden / "outputs.npy"));
  std::ifstream file(golden / "manifest.json");
  const json manifest = json::parse(file);
  ASSERT_EQ(ours.type, recorded.type);
  ASSERT_LE(ours.data.size(), recorded.data.size());
  if (c.model.find("fp32") == std::string::npos) {
    const std::string_view expected = std::string_view(recorded.data).substr(0, ours.data.size());
    EXPECT_TRUE(ours.data == expected) << "outputs of " << data.images() << " images";
  }
  if (manifest["images"] != data.images()) return;
  EXPECT_EQ(ours.shape, recorded.shape);
  if (manifest.contains("top1")) {
    EXPECT_EQ(evaluation.counts.confusion.correct(), manifest["top1"]);
    EXPECT_EQ(evaluation.counts.faulty_top5_correct, manifest["top5"]);
  }
  if (!manifest.contains("pixels")) return;
  EXPECT_EQ(evaluation.counts.confusion.total(), manifest["pixels"]);
  EXPECT_EQ(evaluation.counts.confusion.correct(), manifest["pixels_correct"]);
  for (std::size_t t = 0; t < evaluation.counts.confusion.classes(); ++t)
    for (std::size_t p = 0; p < evaluation.counts.confusion.classes(); ++p)
      EXPECT_EQ(evaluation.counts.confusion.at(t, p), manifest["confusion_true_by_predicted"][t][p]);
}

INSTANTIATE_TEST_SUITE_P(Models, RecordedData, testing::ValuesIn(data_cases()), [](const auto& info) {
  std::string name = info.param.model;
  std::ranges::replace(name, '.', '_');
  return name;
});

INSTANTIATE_TEST_SUITE_P(KernelSets, RecordedOutputs,
                         testing::Values(KernelSet::reference, KernelSet::portable, KernelSet::fast),
                         [](const auto& info) { return name_of(info.param); });

}  // namespace
}  // namespace qfi
