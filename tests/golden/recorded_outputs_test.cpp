// SPDX-License-Identifier: Apache-2.0
// The engine against what LiteRT's reference kernels recorded, byte for byte.
#include <fstream>
#include <nlohmann/json.hpp>

#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/npy.hpp"
#include "qfi/campaign/classification.hpp"
#include "qfi/data/data_set.hpp"
#include "qfi/engine/program.hpp"
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
  EXPECT_EQ(models, GetParam() == KernelSet::reference ? 24 : 25);
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
    std::size_t exact = 0;
    for (const json& recorded : recording.manifest["tensors"]) {
      const int index = recorded["index"];
      const Tensor& tensor = program.model().tensors[static_cast<std::size_t>(index)];
      if (tensor.type != TensorType::float32) continue;
      const std::string bytes = bytes_of_tensor(program, batch, index);
      exact += fmt::format("{:016x}", xxh64(bytes_of(std::string_view(bytes).substr(0, tensor.bytes())))) ==
                       recorded["xxh64"][0]
                   ? 1
                   : 0;
      if (!recorded.contains("file")) continue;
      const NpyArray expected = value_of(read_npy(recording.folder / recorded["file"].get<std::string>()));
      const auto* ours = reinterpret_cast<const float*>(bytes.data());
      const auto* theirs = reinterpret_cast<const float*>(expected.data.data());
      const std::size_t count = std::min(bytes.size(), expected.data.size()) / sizeof(float);
      float largest = 0;
      float difference = 0;
      for (std::size_t i = 0; i < count; ++i) {
        largest = std::max(largest, std::fabs(theirs[i]));
        difference = std::max(difference, std::fabs(ours[i] - theirs[i]));
      }
      EXPECT_LE(difference, k_float_tolerance * largest) << recorded["kind"] << " " << index;
    }
    RecordProperty(recording.model_name() + " tensors equal to the bit", static_cast<int>(exact));
    fmt::print("{}: {} of {} tensors equal to the bit\n", recording.model_name(), exact,
               recording.manifest["tensors"].size());
    ++models;
  }
  EXPECT_EQ(models, 6);
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
  EXPECT_EQ(cases, 362);
}

// The whole data path: the user's image file, quantization, engine, top-1 and top-5.
struct DataCase {
  std::string model;
  DataConfig data;
  std::optional<InputScaling> input;
  std::uint64_t images;  ///< checked; the manifest's counts only where it is all of them
};

ConfigPath shared_file(const std::string& name) { return {name, test::shared_folder() / "data" / name}; }

std::vector<DataCase> data_cases() {
  const InputScaling centred{{1.0 / 128.0}, {128.0}};
  const auto data = [](DataFormat format, const char* images, const char* labels, int offset) {
    DataConfig config;
    config.format = format;
    config.images = shared_file(images);
    if (*labels != '\0') config.labels = shared_file(labels);
    config.label_offset = offset;
    return config;
  };
  const DataConfig cifar = data(DataFormat::cifar10, "cifar10/test_batch_0000-4999.bin", "", 0);
  const DataConfig gtsrb = data(DataFormat::npy, "gtsrb/test_images.npy", "gtsrb/test_labels.npy", 0);
  const DataConfig imagenet =
      data(DataFormat::npy, "imagenet_sample/images_160.npy", "imagenet_sample/labels.npy", 1);
  const DataConfig mnist =
      data(DataFormat::idx, "mnist/t10k-images-idx3-ubyte.gz", "mnist/t10k-labels-idx1-ubyte.gz", 0);
  return {{"ic_resnet8_int8", cifar, std::nullopt, 5000},
          {"resnet18w16_cifar10_int8", cifar, centred, 100},
          {"mobv2_050_cifar10_int8", cifar, centred, 100},
          {"mobv1_050_gtsrb_int8", gtsrb, centred, 3000},
          {"mobilenet_v1_0.5_160_quant", imagenet, std::nullopt, 100},
          {"lenet5_valid_mnist_int8", mnist, InputScaling{{1.0 / 255.0}, {0.0}}, 10000}};
}

TEST(RecordedData, ImageFilesGiveTheRecordedOutputsAndCounts) {
  QFI_NEEDS_SHARED_DATA();
  for (DataCase& c : data_cases()) {
    SCOPED_TRACE(c.model);
    const Program program =
        value_of(Program::prepare(value_of(load_tflite(shared_file("models/" + c.model + ".tflite").path))));
    const Model& model = program.model();
    c.data.select = SelectFirst{c.images};
    const DataSet data = value_of(DataSet::open(c.data, 1));
    const Tensor& input = model.tensors[static_cast<std::size_t>(model.inputs[0])];
    const Tensor& output = model.tensors[static_cast<std::size_t>(model.outputs[0])];
    const auto folder = test::shared_folder() / "data/golden" / c.model;
    const NpyArray recorded = value_of(read_npy(folder / "outputs.npy"));
    std::size_t differing = 0;
    std::uint64_t top1 = 0;
    std::uint64_t top5 = 0;
    constexpr std::size_t k_block = 50;
    Batch batch(program, k_block);
    for (std::size_t first = 0; first < data.images(); first += k_block) {
      batch.set_images(std::min(k_block, data.images() - first));
      const auto inputs = value_of(data.read_inputs(first, batch.images(), input, c.input));
      std::memcpy(batch.tensor(model.inputs[0]).data(), inputs.data(), inputs.size());
      program.run(batch, 0, model.operators.size());
      for (std::size_t i = 0; i < batch.images(); ++i) {
        const auto image = batch.tensor(model.outputs[0]).subspan(i * output.bytes(), output.bytes());
        differing += std::memcmp(image.data(), recorded.data.data() + (first + i) * output.bytes(),
                                 output.bytes()) != 0
                         ? 1
                         : 0;
        const Scores scores(output, image);
        top1 += scores.top1() == data.labels()[first + i] ? 1 : 0;
        top5 += scores.rank(data.labels()[first + i]) < 5 ? 1 : 0;
      }
    }
    EXPECT_EQ(differing, 0U) << "images of " << data.images();
    std::ifstream file(folder / "manifest.json");
    const json manifest = json::parse(file);
    if (manifest["images"] != c.images) continue;
    EXPECT_EQ(top1, manifest["top1"]);
    EXPECT_EQ(top5, manifest["top5"]);
  }
}

INSTANTIATE_TEST_SUITE_P(KernelSets, RecordedOutputs,
                         testing::Values(KernelSet::reference, KernelSet::portable),
                         [](const auto& info) { return name_of(info.param); });

}  // namespace
}  // namespace qfi
