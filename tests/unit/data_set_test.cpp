// SPDX-License-Identifier: Apache-2.0
#include "qfi/data/data_set.hpp"

#include <gmock/gmock.h>
#include <zlib.h>

#include <array>
#include <map>

#include "qfi/base/file.hpp"
#include "qfi/base/npy.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::ElementsAre;
using testing::HasSubstr;

class Data : public testing::Test {
 protected:
  DataConfig config(DataFormat format, ImageSelection select = SelectAll{}) {
    DataConfig data;
    data.format = format;
    data.images = {"images", m_folder.path() / "images"};
    if (format != DataFormat::cifar10) data.labels = {"labels", m_folder.path() / "labels"};
    data.select = std::move(select);
    return data;
  }
  void write(const std::string& name, const std::string& content) {
    ASSERT_TRUE(write_file(m_folder.path() / name, content));
  }
  /// `count` images of 2 x 1, values 2i and 2i + 1; labels i % 3.
  void write_npy(std::uint64_t count) {
    std::vector<std::uint8_t> pixels, labels;
    for (std::uint64_t i = 0; i < 2 * count; ++i) pixels.push_back(static_cast<std::uint8_t>(i));
    for (std::uint64_t i = 0; i < count; ++i) labels.push_back(static_cast<std::uint8_t>(i % 3));
    const std::array<std::uint64_t, 3> shape{count, 2, 1};
    const std::array<std::uint64_t, 1> label_shape{count};
    write("images", npy_bytes("u1", shape, std::as_bytes(std::span(pixels))));
    write("labels", npy_bytes("u1", label_shape, std::as_bytes(std::span(labels))));
  }
  TemporaryFolder m_folder = value_of(TemporaryFolder::create());
};

TEST_F(Data, CifarPlanesBecomeInterleavedChannels) {
  std::string record(3073, '\0');
  record[0] = 7;
  record[1 + 5] = 10;         // red of pixel 5
  record[1 + 1024 + 5] = 20;  // green
  record[1 + 2048 + 5] = 30;  // blue
  write("images", record + record);
  const DataSet data = value_of(DataSet::open(config(DataFormat::cifar10), 1));
  EXPECT_EQ(data.images(), 2U);
  const Values image = value_of(data.image(1));
  EXPECT_THAT(image.shape, ElementsAre(32, 32, 3));
  EXPECT_THAT(data.labels(), ElementsAre(7, 7));
  EXPECT_THAT(std::vector<float>(image.values.begin() + 15, image.values.begin() + 18),
              ElementsAre(10, 20, 30));
  write("images", record + "x");
  EXPECT_THAT(DataSet::open(config(DataFormat::cifar10), 1).error().message,
              HasSubstr("not a whole number of CIFAR-10 records"));
}

TEST_F(Data, IdxFilesAreReadPlainAndGzipped) {
  const std::string images =
      std::string("\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x02", 16) + "\x01\x02\x03\x04";
  const std::string labels = std::string("\0\0\x08\x01\0\0\0\x02", 8) + "\x05\x06";
  write("images", images);
  write("labels", labels);
  const DataSet plain = value_of(DataSet::open(config(DataFormat::idx), 1));
  EXPECT_THAT(value_of(plain.image(0)).shape, ElementsAre(1, 2, 1));
  EXPECT_THAT(value_of(plain.image(0)).values, ElementsAre(1, 2));
  EXPECT_THAT(value_of(plain.image(1)).values, ElementsAre(3, 4));
  EXPECT_THAT(plain.labels(), ElementsAre(5, 6));
  gzFile file = gzopen((m_folder.path() / "images").c_str(), "wb");
  gzwrite(file, images.data(), static_cast<unsigned>(images.size()));
  gzclose(file);
  EXPECT_THAT(value_of(value_of(DataSet::open(config(DataFormat::idx), 1)).image(1)).values,
              ElementsAre(3, 4));
  write("images", images.substr(0, images.size() - 1));
  EXPECT_FALSE(DataSet::open(config(DataFormat::idx), 1));
  write("images", images);
  write("labels", labels.substr(0, 9));
  EXPECT_FALSE(DataSet::open(config(DataFormat::idx), 1));
}

TEST_F(Data, SelectionsAreReproducibleAndWithinTheFile) {
  write_npy(30);
  const auto indices = [&](ImageSelection select, std::uint64_t seed = 1) {
    return value_of(DataSet::open(config(DataFormat::npy, std::move(select)), seed)).indices();
  };
  EXPECT_EQ(indices(SelectAll{}).size(), 30U);
  EXPECT_THAT(indices(SelectFirst{3}), ElementsAre(0, 1, 2));
  EXPECT_THAT(indices(SelectList{{7, 2}}), ElementsAre(2, 7));
  EXPECT_EQ(indices(SelectRandom{10}), indices(SelectRandom{10}));
  EXPECT_NE(indices(SelectRandom{10}), indices(SelectRandom{10}, 2));
  const DataSet stratified = value_of(DataSet::open(config(DataFormat::npy, SelectStratified{12}), 1));
  std::map<int, int> of_class;
  for (const int label : stratified.labels()) ++of_class[label];
  EXPECT_THAT(of_class, ElementsAre(testing::Pair(0, 4), testing::Pair(1, 4), testing::Pair(2, 4)));
  EXPECT_THAT(DataSet::open(config(DataFormat::npy, SelectFirst{31}), 1).error().message,
              HasSubstr("asks for 31 images, the file has 30"));
  EXPECT_THAT(DataSet::open(config(DataFormat::npy, SelectList{{30}}), 1).error().message,
              HasSubstr("names image 30"));
  EXPECT_THAT(DataSet::open(config(DataFormat::npy, SelectList{{3, 3}}), 1).error().message,
              HasSubstr("twice"));
}

TEST_F(Data, LabelsOutsideTheClassesAreRefused) {
  write_npy(30);
  DataConfig shifted = config(DataFormat::npy);
  shifted.label_offset = 1;
  const DataSet data = value_of(DataSet::open(shifted, 1));
  EXPECT_TRUE(data.check_labels(4));
  EXPECT_THAT(data.check_labels(3).error().message,
              HasSubstr("image 2 has class 3 (label_offset 1 included), the model's classes are 0 to 2"));
}

TEST_F(Data, InputsAreQuantizedAsTheModelOrTheConfigSays) {
  write_npy(2);
  const DataSet data = value_of(DataSet::open(config(DataFormat::npy), 1));
  Tensor input;
  input.type = TensorType::int8;
  input.shape = {1, 2, 1};
  input.quantization = {{0.5F}, {-10}, 0};
  const auto codes = [&](const InputScaling& scaling) {
    const auto bytes = value_of(data.read_inputs(0, 2, input, scaling));
    std::vector<int> numbers;
    for (const std::byte byte : bytes) numbers.push_back(static_cast<std::int8_t>(byte));
    return numbers;
  };
  EXPECT_THAT(codes({}), ElementsAre(-128, -127, -126, -125)) << "value v is the v-th code";
  EXPECT_THAT(codes(InputScaling{{2.0}, {1.0}, false}), ElementsAre(-14, -10, -6, -2))
      << "2 (v - 1) / 0.5 - 10";
  EXPECT_THAT(codes(InputScaling{{1e9}, {0.0}, false}), ElementsAre(-10, 127, 127, 127)) << "clamped";
  input.shape = {1, 3, 1};
  EXPECT_THAT(data.read_inputs(0, 2, input, {}).error().message,
              HasSubstr("image 0 has the shape 2x1, the model's input 1x3x1"));
}

// One image whose numbers tell where they lie: 100 * row + 10 * column + channel.
struct Order {
  std::vector<std::uint64_t> shape;
  std::vector<std::uint8_t> numbers;
};

constexpr std::uint64_t k_height = 2, k_width = 2, k_channels = 3;

Order pixel_by_pixel() {
  Order order{{1, k_height, k_width, k_channels}, {}};
  for (std::uint64_t y = 0; y < k_height; ++y)
    for (std::uint64_t x = 0; x < k_width; ++x)
      for (std::uint64_t c = 0; c < k_channels; ++c)
        order.numbers.push_back(static_cast<std::uint8_t>(100 * y + 10 * x + c));
  return order;
}

Order channel_by_channel() {
  Order order{{1, k_channels, k_height, k_width}, {}};
  for (std::uint64_t c = 0; c < k_channels; ++c)
    for (std::uint64_t y = 0; y < k_height; ++y)
      for (std::uint64_t x = 0; x < k_width; ++x)
        order.numbers.push_back(static_cast<std::uint8_t>(100 * y + 10 * x + c));
  return order;
}

Order as_row(Order order) {
  order.shape = {1, order.numbers.size()};
  return order;
}

TEST_F(Data, TheOrderOfNumbersIsNeverGuessed) {
  Tensor input;
  input.type = TensorType::uint8;
  input.shape = {1, static_cast<int>(k_height), static_cast<int>(k_width), static_cast<int>(k_channels)};
  input.quantization = {{1.0F}, {0}, 0};
  DataConfig data = config(DataFormat::npy);
  data.labels = {};
  const auto read = [&](const Order& order, DataLayout layout) -> Result<std::vector<std::uint8_t>> {
    write("images", npy_bytes("u1", order.shape, std::as_bytes(std::span(order.numbers))));
    data.layout = layout;
    QFI_TRY(const DataSet set, DataSet::open(data, 1));
    QFI_TRY(const auto bytes, set.read_inputs(0, 1, input, {}));
    std::vector<std::uint8_t> numbers;
    for (const std::byte byte : bytes) numbers.push_back(std::to_integer<std::uint8_t>(byte));
    return numbers;
  };
  const std::vector<std::uint8_t> expected = pixel_by_pixel().numbers;
  EXPECT_EQ(value_of(read(pixel_by_pixel(), DataLayout::nhwc)), expected);
  EXPECT_EQ(value_of(read(channel_by_channel(), DataLayout::nchw)), expected);
  EXPECT_EQ(value_of(read(as_row(channel_by_channel()), DataLayout::nchw)), expected);
  EXPECT_EQ(value_of(read(as_row(pixel_by_pixel()), DataLayout::flat)), expected);
  for (const Order& order : {channel_by_channel(), as_row(channel_by_channel()), as_row(pixel_by_pixel())}) {
    const auto refused = read(order, DataLayout::nhwc);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("the model's input 1x2x2x3; "));
    EXPECT_THAT(refused.error().message, HasSubstr("layout nchw (channel by channel) or flat"));
  }
  EXPECT_FALSE(read(channel_by_channel(), DataLayout::flat)) << "not a row";
  EXPECT_FALSE(read(pixel_by_pixel(), DataLayout::nchw)) << "2 channels of 2x3";
  input.shape = {1, 12};
  EXPECT_FALSE(read(pixel_by_pixel(), DataLayout::nhwc)) << "an input that is a row does not say its order";
  EXPECT_EQ(value_of(read(pixel_by_pixel(), DataLayout::flat)), expected);
  EXPECT_EQ(value_of(read({{1, 3, 4, 1}, expected}, DataLayout::nhwc)), expected) << "one channel: one order";
}

TEST_F(Data, ALayoutBelongsToArrays) {
  DataConfig data = config(DataFormat::idx);
  data.layout = DataLayout::nchw;
  EXPECT_THAT(DataSet::open(data, 1).error().message, HasSubstr("layout nchw is for arrays"));
}

TEST_F(Data, SeveralInputsNeedAnArchive) {
  write_npy(2);
  EXPECT_THAT(DataSet::open(config(DataFormat::npy), 1, {"x", "y"}).error().message,
              HasSubstr("the model has 2 inputs ('x', 'y'); give an .npz archive with an array for each"));
}

TEST_F(Data, PointersOfGitLfsAreNamed) {
  write("images", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n");
  EXPECT_THAT(DataSet::open(config(DataFormat::npy), 1).error().message,
              HasSubstr("images: a Git LFS pointer, not the file itself; fetch it with git lfs pull"));
}

}  // namespace
}  // namespace qfi
