// SPDX-License-Identifier: Apache-2.0
// Folders of PNG and JPEG files, archives, class maps, and every change of pixels.
#include <gmock/gmock.h>

#include <cstdio>
#include <cstring>

// clang-format off: jpeglib.h needs <cstdio> before it.
#include <jpeglib.h>
#include <png.h>
#include <zip.h>
// clang-format on

#include "qfi/base/file.hpp"
#include "qfi/base/npy.hpp"
#include "qfi/data/data_set.hpp"
#include "qfi/data/image.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::ElementsAre;
using testing::HasSubstr;

std::string png_of(const Image& image) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = image.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png_alloc_size_t size = 0;
  png_image_write_to_memory(&png, nullptr, &size, 0, image.pixels.data(), 0, nullptr);
  std::string content(size, '\0');
  png_image_write_to_memory(&png, content.data(), &size, 0, image.pixels.data(), 0, nullptr);
  content.resize(size);
  return content;
}

std::string jpeg_of(const Image& image) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr error{};
  jpeg.err = jpeg_std_error(&error);
  jpeg_create_compress(&jpeg);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &memory, &size);
  jpeg.image_width = static_cast<unsigned>(image.width);
  jpeg.image_height = static_cast<unsigned>(image.height);
  jpeg.input_components = image.channels;
  jpeg.in_color_space = image.channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 95, TRUE);
  jpeg_start_compress(&jpeg, TRUE);
  while (jpeg.next_scanline < jpeg.image_height) {
    auto* row = const_cast<unsigned char*>(
        &image.pixels[jpeg.next_scanline * static_cast<std::size_t>(image.width * image.channels)]);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  std::string content(reinterpret_cast<char*>(memory), size);
  jpeg_destroy_compress(&jpeg);
  std::free(memory);
  return content;
}

// Every pixel has the same value in each channel.
Image plain(int height, int width, std::vector<std::uint8_t> color) {
  Image image{height, width, static_cast<int>(color.size()), {}};
  for (int i = 0; i < height * width; ++i)
    image.pixels.insert(image.pixels.end(), color.begin(), color.end());
  return image;
}

class ImageData : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& content) {
    const auto path = m_folder.path() / name;
    std::filesystem::create_directories(path.parent_path());
    ASSERT_TRUE(write_file(path, content));
  }
  DataConfig folder(const std::string& labels = "") {
    DataConfig config;
    config.format = DataFormat::images;
    config.images = {"images", m_folder.path() / "images"};
    if (!labels.empty()) config.labels = {labels, m_folder.path() / labels};
    return config;
  }
  TemporaryFolder m_folder = value_of(TemporaryFolder::create());
};

TEST_F(ImageData, ClassFoldersAreNumberedInTheOrderOfTheirNames) {
  write("images/dog/b.png", png_of(plain(2, 2, {10})));
  write("images/cat/z.png", png_of(plain(2, 2, {20})));
  write("images/cat/a.jpg", jpeg_of(plain(2, 2, {30})));
  write("images/cat/notes.txt", "no image");
  write("images/.hidden/h.png", png_of(plain(2, 2, {40})));
  const DataSet data = value_of(DataSet::open(folder(), 1));
  EXPECT_THAT(data.labels(), ElementsAre(0, 0, 1));
  EXPECT_EQ(value_of(data.image(0)).values[0], 30);
  EXPECT_EQ(value_of(data.image(1)).values[0], 20);
  EXPECT_EQ(value_of(data.image(2)).values[0], 10);
  EXPECT_THAT(value_of(data.image(2)).shape, ElementsAre(2, 2, 1));
  EXPECT_THAT(data.class_names(), ElementsAre("cat", "dog"));
  write("images/empty/notes.txt", "no image");
  EXPECT_THAT(DataSet::open(folder(), 1).error().message, HasSubstr("empty: a class without images"));
  write("images/stray.png", png_of(plain(2, 2, {50})));
  EXPECT_THAT(DataSet::open(folder(), 1).error().message, HasSubstr("holds both images and folders"));
}

TEST_F(ImageData, ALabelsFileGivesImagesOrderAndClasses) {
  write("images/x.png", png_of(plain(1, 1, {1, 2, 3})));
  write("images/deep/y z.png", png_of(plain(1, 1, {4, 5, 6})));
  write("labels.csv", "file,class\ndeep/y z.png,7\r\n\nx.png 3\n");
  const DataSet data = value_of(DataSet::open(folder("labels.csv"), 1));
  EXPECT_THAT(data.labels(), ElementsAre(7, 3));
  EXPECT_THAT(value_of(data.image(0)).values, ElementsAre(4, 5, 6));
  write("labels.csv", "deep/y z.png,1\nx.png,one\n");
  EXPECT_THAT(DataSet::open(folder("labels.csv"), 1).error().message,
              HasSubstr("labels.csv:2: 'x.png,one' is not a file name and a class number"));
  write("labels.csv", "x.png,1.0\n");
  EXPECT_FALSE(DataSet::open(folder("labels.csv"), 1)) << "the first line names a file: it is no header";
  write("labels.csv", "x.png,99999999999\n");
  EXPECT_THAT(DataSet::open(folder("labels.csv"), 1).error().message,
              HasSubstr("label 99999999999 of image 0 is out of range"));
  write("labels.csv", "../secret.png,1\n");
  EXPECT_THAT(DataSet::open(folder("labels.csv"), 1).error().message,
              HasSubstr("does not name a file below"));
  write("labels.csv", "missing.png,1\n");
  EXPECT_THAT(DataSet::open(folder("labels.csv"), 1).error().message, HasSubstr("missing.png: cannot open"));
}

// What spreadsheets write.
TEST_F(ImageData, LabelsFilesMayHaveAMarkQuotesAndAHeader) {
  write("images/x, y.png", png_of(plain(1, 1, {1})));
  write("images/z.png", png_of(plain(1, 1, {2})));
  for (const char* text :
       {"\xEF\xBB\xBF\"x, y.png\",3\r\nz.png,4\r\n", "\"x, y.png\",\"3\"\n\"z.png\",\"4\"\n",
        "\xEF\xBB\xBF\"File name\",\"Class\"\r\n\"x, y.png\",\"3\"\r\nz.png, 4 \r\n", "x, y.png,3\nz.png 4\n",
        "file\tlabel\nx, y.png\t3\nz.png\t4"}) {
    write("labels.csv", text);
    const DataSet data = value_of(DataSet::open(folder("labels.csv"), 1));
    EXPECT_THAT(data.labels(), ElementsAre(3, 4)) << text;
    EXPECT_EQ(value_of(data.image(0)).values[0], 1) << text;
  }
}

TEST_F(ImageData, ImagesAndLabelsMustBeTheSame) {
  write("images/x.png", png_of(plain(1, 1, {1})));
  write("images/z.png", png_of(plain(1, 1, {2})));
  const auto message = [&](const std::string& text) {
    write("labels.csv", text);
    const auto data = DataSet::open(folder("labels.csv"), 1);
    return data ? "no error" : data.error().message;
  };
  EXPECT_THAT(message("x.png;0\nz.png,1\n"),
              HasSubstr("labels.csv:1: 'x.png;0' is not a file name and a class"));
  EXPECT_THAT(message("x.png\nz.png,1\n"), HasSubstr("labels.csv:1: 'x.png' is not a file name and a class"));
  EXPECT_THAT(message("x.png,0\n"), HasSubstr("labels.csv: no label for "));
  EXPECT_THAT(message("x.png,0\n"), HasSubstr("z.png; add it, or move the image out of the folder"));
  EXPECT_THAT(message("x.png,0\nz.png,1\nx.png,1\n"), HasSubstr("labels.csv:3: 'x.png' has a label already"));
  EXPECT_THAT(message("x.png,0\nz.png,1\nw.png,1\n"), HasSubstr("w.png: cannot open"));
  EXPECT_EQ(message("x.png,0\nz.png,1\n"), "no error");
}

TEST_F(ImageData, EveryClassMapNeedsItsImage) {
  write("images/x.png", png_of(plain(1, 1, {1})));
  write("maps/x.png", png_of(plain(1, 1, {0})));
  EXPECT_TRUE(DataSet::open(folder("maps"), 1));
  write("maps/y.png", png_of(plain(1, 1, {0})));
  EXPECT_THAT(DataSet::open(folder("maps"), 1).error().message,
              HasSubstr("y.png: no image has this class map"));
}

TEST_F(ImageData, DamagedImagesAreNamedAndRefused) {
  const std::string png = png_of(plain(9, 9, {1, 2, 3}));
  const std::string jpeg = jpeg_of(plain(9, 9, {1, 2, 3}));
  for (std::size_t size = 0; size < png.size(); ++size)
    EXPECT_FALSE(decode_image(png.substr(0, size), "p", false).has_value()) << size;
  for (std::size_t size = 0; size + 2 < jpeg.size(); ++size)
    EXPECT_FALSE(decode_image(jpeg.substr(0, size), "j", false).has_value()) << size;
  for (std::size_t bit = 0; bit < 8 * png.size(); ++bit) {
    std::string damaged = png;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    (void)decode_image(damaged, "p", false);
  }
  for (std::size_t bit = 0; bit < 8 * jpeg.size(); ++bit) {
    std::string damaged = jpeg;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    (void)decode_image(damaged, "j", false);
  }
  // A header that claims 2^31 x 2^31 pixels.
  std::string huge = png;
  std::memset(huge.data() + 16, 0x7f, 8);
  EXPECT_THAT(decode_image(huge, "name.png", false).error().message, HasSubstr("name.png: damaged PNG"));
  EXPECT_THAT(decode_image("GIF89a", "name", false).error().message, HasSubstr("name: neither PNG nor JPEG"));
}

TEST_F(ImageData, PixelsChangeOnlyAsAsked) {
  // 4 x 6, value 10 y + x in red, 100 + that in green, 200 in blue.
  Image image{4, 6, 3, {}};
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 6; ++x)
      for (const int value : {10 * y + x, 100 + 10 * y + x, 200})
        image.pixels.push_back(static_cast<std::uint8_t>(value));
  write("images/a.png", png_of(image));
  write("list", "a.png 0\n");
  DataConfig config = folder("list");
  EXPECT_THAT(value_of(value_of(DataSet::open(config, 1)).image(0)).shape, ElementsAre(4, 6, 3));
  config.crop = CropSize{2, 2};
  EXPECT_THAT(value_of(value_of(DataSet::open(config, 1)).image(0)).values,
              ElementsAre(12, 112, 200, 13, 113, 200, 22, 122, 200, 23, 123, 200));
  config.crop = CropSquare{};
  EXPECT_THAT(value_of(value_of(DataSet::open(config, 1)).image(0)).shape, ElementsAre(4, 4, 3));
  config.color = ColorMode::grey;
  config.crop = CropSize{1, 1};
  EXPECT_THAT(value_of(value_of(DataSet::open(config, 1)).image(0)).values, ElementsAre(92))
      << "0.299 12 + 0.587 112 + 0.114 200";
  config.color = ColorMode::as_stored;
  config.crop = CropSize{5, 2};
  EXPECT_THAT(value_of(DataSet::open(config, 1)).image(0).error().message,
              HasSubstr("image 0: crop to 5x2 of an image of 4x6"));
  config.crop = Crop{};
  config.resize = Resize{2, 2, ResizeMethod::nearest};
  EXPECT_THAT(value_of(value_of(DataSet::open(config, 1)).image(0)).values,
              ElementsAre(11, 111, 200, 14, 114, 200, 31, 131, 200, 34, 134, 200));
}

TEST(Resize, BilinearWeighsAllPixelsThatAnOutputPixelCovers) {
  // Worked by hand: 4 -> 2, triangles of radius 2 around 1 and 3: weights (3 3 1)/7 and mirrored.
  const Image row{1, 4, 1, {0, 100, 200, 40}};
  EXPECT_THAT(value_of(resized(row, Resize{1, 2, ResizeMethod::bilinear})).pixels, ElementsAre(71, 117));
  // Enlarging interpolates between neighbours; beyond the last centres the value stays.
  const Image two{1, 2, 1, {0, 100}};
  EXPECT_THAT(value_of(resized(two, Resize{1, 4, ResizeMethod::bilinear})).pixels,
              ElementsAre(0, 25, 75, 100));
  const Image column{2, 1, 1, {0, 100}};
  EXPECT_THAT(value_of(resized(column, Resize{4, 1, ResizeMethod::bilinear})).pixels,
              ElementsAre(0, 25, 75, 100));
}

TEST_F(ImageData, ChannelsAreScaledAndReversedOneByOne) {
  write("images/a.png", png_of(plain(1, 2, {10, 20, 30})));
  write("list", "a.png 0\n");
  const DataSet data = value_of(DataSet::open(folder("list"), 1));
  Tensor input;
  input.type = TensorType::float32;
  input.shape = {1, 1, 2, 3};
  const auto reals = [&](const InputScaling& scaling) {
    const auto bytes = value_of(data.read_inputs(0, 1, input, scaling));
    std::vector<float> values(6);
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  };
  EXPECT_THAT(reals({{1, 2, 3}, {1}, false}), ElementsAre(9, 38, 87, 9, 38, 87));
  EXPECT_THAT(reals({{1}, {0, 10, 20}, true}), ElementsAre(30, 10, -10, 30, 10, -10));
  EXPECT_THAT(reals({{}, {}, true}), ElementsAre(30, 20, 10, 30, 20, 10)) << "reversed only";
  EXPECT_THAT(data.read_inputs(0, 1, input, InputScaling{{1, 2}, {0}, false}).error().message,
              HasSubstr("2 numbers for 'scale', the model's input has 3 channels"));
}

TEST_F(ImageData, ClassMapsFollowTheirImages) {
  write("images/a.png", png_of(plain(4, 4, {1, 2, 3})));
  Image map{4, 4, 1, {}};
  for (int i = 0; i < 16; ++i) map.pixels.push_back(static_cast<std::uint8_t>(i == 5 ? 255 : i % 4));
  write("maps/a.png", png_of(map));
  DataConfig config = folder("maps");
  config.ignore_label = 255;
  config.label_offset = 1;
  const DataSet data = value_of(DataSet::open(config, 1));
  EXPECT_TRUE(data.has_label_maps());
  EXPECT_TRUE(data.labels().empty());
  const auto classes = value_of(data.label_map(0)).classes;
  EXPECT_EQ(classes[4], 1);
  EXPECT_EQ(classes[5], -1) << "ignored";
  EXPECT_EQ(classes[7], 4);
  config.crop = CropSize{2, 2};
  EXPECT_THAT(value_of(value_of(DataSet::open(config, 1)).label_map(0)).classes, ElementsAre(-1, 3, 2, 3));
}

TEST_F(ImageData, ArchivesHoldImagesAndLabels) {
  const std::array<std::uint64_t, 2> shape{2, 3};
  const std::array<std::uint64_t, 1> label_shape{2};
  const std::vector<std::uint8_t> pixels{1, 2, 3, 4, 5, 6};
  const std::vector<std::int64_t> labels{3, 1};
  const std::string images = npy_bytes("u1", shape, std::as_bytes(std::span(pixels)));
  const std::string classes = npy_bytes("i8", label_shape, std::as_bytes(std::span(labels)));
  const auto path = m_folder.path() / "a.npz";
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE, nullptr);
  zip_file_add(archive, "x_test.npy", zip_source_buffer(archive, images.data(), images.size(), 0), 0);
  zip_file_add(archive, "y_test.npy", zip_source_buffer(archive, classes.data(), classes.size(), 0), 0);
  ASSERT_EQ(zip_close(archive), 0);
  DataConfig config;
  config.format = DataFormat::npz;
  config.images = {"a.npz", path};
  EXPECT_THAT(DataSet::open(config, 1).error().message,
              HasSubstr("no array 'images'; it holds x_test.npy, y_test.npy"));
  config.images_array = "x_test";
  config.labels_array = "y_test";
  const DataSet data = value_of(DataSet::open(config, 1));
  EXPECT_THAT(data.labels(), ElementsAre(3, 1));
  EXPECT_THAT(value_of(data.image(1)).values, ElementsAre(4, 5, 6));
  // What does not hold what it claims is refused, whatever is damaged.
  const std::string content = value_of(read_file(path));
  for (std::size_t size = 0; size < content.size(); size += 7) {
    ASSERT_TRUE(write_file(path, content.substr(0, size)));
    EXPECT_FALSE(DataSet::open(config, 1)) << size;
  }
  EXPECT_FALSE(read_npz(path, "x_test", 10));
}

TEST_F(ImageData, Cifar100HasFineAndCoarseLabels) {
  std::string record(3074, '\0');
  record[0] = 4;
  record[1] = 77;
  record[2] = 9;
  write("c", record);
  DataConfig config;
  config.format = DataFormat::cifar100;
  config.images = {"c", m_folder.path() / "c"};
  EXPECT_THAT(value_of(DataSet::open(config, 1)).labels(), ElementsAre(77));
  EXPECT_EQ(value_of(value_of(DataSet::open(config, 1)).image(0)).values[0], 9);
  config.format = DataFormat::cifar100_coarse;
  EXPECT_THAT(value_of(DataSet::open(config, 1)).labels(), ElementsAre(4));
}

TEST_F(ImageData, SignedArraysOfTheInputsTypeHoldTheCodes) {
  const std::array<std::uint64_t, 2> shape{1, 3};
  const std::vector<std::int8_t> codes{-128, 0, 127};
  write("codes", npy_bytes("i1", shape, std::as_bytes(std::span(codes))));
  DataConfig config;
  config.images = {"codes", m_folder.path() / "codes"};
  const DataSet data = value_of(DataSet::open(config, 1));
  Tensor input;
  input.type = TensorType::int8;
  input.shape = {1, 3};
  input.quantization = {{0.1F}, {5}, 0};
  const auto bytes = value_of(data.read_inputs(0, 1, input, {}));
  EXPECT_EQ(std::memcmp(bytes.data(), codes.data(), 3), 0);
  input.type = TensorType::int16;
  EXPECT_THAT(data.read_inputs(0, 1, input, {}).error().message,
              HasSubstr("INT16: say in 'input' how to scale"));
}

}  // namespace
}  // namespace qfi
