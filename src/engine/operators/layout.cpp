// SPDX-License-Identifier: Apache-2.0
// Operators that move values and change none: RESHAPE, SQUEEZE, EXPAND_DIMS, PAD, PADV2, MIRROR_PAD,
// TRANSPOSE, SLICE, STRIDED_SLICE, GATHER, CONCATENATION, PACK, UNPACK, SPLIT, SPLIT_V,
// SPACE_TO_BATCH_ND, BATCH_TO_SPACE_ND, SPACE_TO_DEPTH, DEPTH_TO_SPACE, RESIZE_NEAREST_NEIGHBOR; and SHAPE.
//
// All are boxes: the place in the input is a sum of one term per dimension of a box that the
// output is walked through, so a table per dimension describes the whole move.
#include <cmath>
#include <cstring>
#include <numeric>

#include "../kernel.hpp"
#include "../move_kernel.hpp"
#include "../strided_loop.hpp"

namespace qfi {
namespace {

constexpr int k_max_table = 1 << 22;

PreparedKernel make_move(const OperatorView& view, std::vector<Box> boxes, Element fill = {}) {
  return make_move_kernel(std::move(boxes), size_of(view.output().type), fill);
}

// What moves keeps its type and, if quantized, what it stands for.
Result<void> check_same_values(const Tensor& input, const Tensor& output) {
  if (input.type != output.type)
    return bad_input("input '{}' is {}, output {}", input.name, name_of(input.type), name_of(output.type));
  const Quantization& a = input.quantization;
  const Quantization& b = output.quantization;
  if (!a.scales.empty() && !b.scales.empty() && (a.scales != b.scales || a.zero_points != b.zero_points))
    return bad_input("input '{}' and output differ in scale or zero point", input.name);
  return {};
}

// Of the numbers that a RESHAPE says, one may be -1: what is left for it. A single 0 is a scalar's, in old
// files.
Result<std::vector<std::int64_t>> completed(std::vector<std::int64_t> shape, std::size_t elements) {
  if (shape == std::vector<std::int64_t>{0}) return std::vector<std::int64_t>();
  const auto unknown = std::ranges::find(shape, -1);
  if (unknown == shape.end()) return shape;
  std::int64_t others = 1;
  for (const std::int64_t size : shape) {
    if (size == -1) continue;
    if (size < 1 || size > static_cast<std::int64_t>(elements) / others)
      return bad_input("{} elements do not take the shape {}", elements, fmt::join(shape, "x"));
    others *= size;
  }
  *unknown = static_cast<std::int64_t>(elements) / others;
  return shape;
}

// RESHAPE. Where only data say the shape, or nothing does, the file's shape is all that is known.
Result<void> set_reshaped(const OperatorView& view) {
  std::vector<std::int64_t> shape;
  if (view.has_input(1)) {
    if (!view.input(1).is_constant) return {};
    QFI_TRY(shape, view.constant_integers(1));
  } else {
    const auto* options = std::get_if<ReshapeOptions>(&view.op().options);
    if (options == nullptr || options->shape.empty()) return {};
    shape.assign(options->shape.begin(), options->shape.end());
  }
  QFI_TRY(shape, completed(std::move(shape), view.input(0).elements()));
  return view.set_output_shape(shape);
}

Result<void> set_squeezed(const OperatorView& view) {
  const auto* options = std::get_if<SqueezeOptions>(&view.op().options);
  if (options == nullptr) return {};
  const std::vector<int>& in = view.input(0).shape;
  std::vector<bool> goes(in.size(), false);
  for (const int dimension : options->dimensions) {
    QFI_TRY(const std::size_t d, dimension_index(dimension, in.size()));
    if (in[d] != 1) return bad_input("dimension {} of {} elements cannot go", d, in[d]);
    goes[d] = true;
  }
  std::vector<int> shape;
  for (std::size_t d = 0; d < in.size(); ++d)
    if (!goes[d] && !(options->dimensions.empty() && in[d] == 1)) shape.push_back(in[d]);
  return view.set_output_shape(shape);
}

Result<void> set_expanded(const OperatorView& view) {
  if (!view.has_input(1) || !view.input(1).is_constant) return {};
  std::vector<int> shape = view.input(0).shape;
  QFI_TRY(const std::size_t axis, view.constant_axis(1, shape.size() + 1));
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), 1);
  return view.set_output_shape(shape);
}

PreparedKernel prepare_copy(const OperatorView& view) {
  QFI_CHECK(view.check_counts(1, 2));
  switch (view.op().kind) {
    case OperatorKind::reshape: QFI_CHECK(set_reshaped(view)); break;
    case OperatorKind::squeeze: QFI_CHECK(set_squeezed(view)); break;
    default: QFI_CHECK(set_expanded(view));
  }
  const Tensor& input = view.input(0);
  if (input.type != view.output().type || input.elements() != view.output().elements())
    return bad_input("input '{}' and output differ in type or size", input.name);
  Box box;
  box.dimensions.push_back({static_cast<std::int64_t>(input.elements()), 1, 1, {}});
  return make_move(view, {std::move(box)});
}

// The box of a whole output; dimension d of it moves in_steps[d] in the input.
Box box_over(const std::vector<int>& out, const std::vector<std::int64_t>& in_steps) {
  Box box;
  const std::vector<std::int64_t> strides = dense_strides(out);
  for (std::size_t d = 0; d < out.size(); ++d)
    box.dimensions.push_back({out[d], in_steps[d], strides[d], {}});
  return box;
}

// Gives a dimension a table: place(i) steps, or k_fill.
template <class Place>
Result<void> set_table(BoxDimension& dimension, const Place& place) {
  if (dimension.count > k_max_table) return bad_input("a dimension of {} is too large here", dimension.count);
  for (std::int64_t i = 0; i < dimension.count; ++i) {
    const std::int64_t at = place(static_cast<int>(i));
    dimension.table.push_back(at == k_fill ? k_fill : at * dimension.step);
  }
  return {};
}

struct Padding2 {
  int before = 0;
  int after = 0;
};

// The paddings input, checked against the shapes.
Result<std::vector<Padding2>> read_paddings(const OperatorView& view, std::size_t k,
                                            const std::vector<int>& in) {
  QFI_TRY(const std::vector<std::int64_t> numbers, view.constant_integers(k));
  if (numbers.size() != 2 * in.size()) return bad_input("paddings do not match the dimensions");
  std::vector<Padding2> paddings;
  constexpr std::int64_t k_most = 1 << 29;
  for (std::size_t d = 0; d < in.size(); ++d) {
    const std::int64_t before = numbers[2 * d];
    const std::int64_t after = numbers[2 * d + 1];
    if (before < 0 || after < 0 || before > k_most || after > k_most || in[d] > k_most)
      return bad_input("paddings {} and {} of dimension {} are out of range", before, after, d);
    paddings.push_back({static_cast<int>(before), static_cast<int>(after)});
  }
  return paddings;
}

std::vector<int> padded_shape(std::vector<int> shape, const std::vector<Padding2>& paddings) {
  for (std::size_t d = 0; d < shape.size(); ++d) shape[d] += paddings[d].before + paddings[d].after;
  return shape;
}

// The stored value of zero.
Element zero_of(const Tensor& tensor) {
  Element element{};
  const std::int32_t zero = tensor.quantization.zero_points.empty() ? 0 : tensor.quantization.zero_points[0];
  if (tensor.type != TensorType::float32) std::memcpy(element.data(), &zero, sizeof(zero));
  return element;
}

PreparedKernel prepare_pad(const OperatorView& view) {
  const bool has_value = view.op().kind == OperatorKind::padv2;
  QFI_CHECK(view.check_counts(has_value ? 3 : 2, has_value ? 3 : 2));
  QFI_CHECK(check_same_values(view.input(0), view.output()));
  Element fill = zero_of(view.output());
  if (has_value) {
    const Tensor& value = view.input(2);
    if (!value.is_constant || value.elements() != 1)
      return bad_input("the padding value '{}' is not one constant", value.name);
    QFI_CHECK(check_same_values(value, view.output()));
    std::memcpy(fill.data(), value.data.data(), value.bytes());
  }
  const std::vector<int>& in = view.input(0).shape;
  QFI_TRY(const std::vector<Padding2> paddings, read_paddings(view, 1, in));
  QFI_CHECK(view.set_output_shape(padded_shape(in, paddings)));
  Box box = box_over(view.output().shape, dense_strides(in));
  for (std::size_t d = 0; d < in.size(); ++d)
    if (paddings[d].before != 0 || paddings[d].after != 0)
      QFI_CHECK(set_table(box.dimensions[d], [&](int i) {
        const std::int64_t place = i - paddings[d].before;
        return place >= 0 && place < in[d] ? place : k_fill;
      }));
  return make_move(view, {std::move(box)}, fill);
}

PreparedKernel prepare_mirror_pad(const OperatorView& view) {
  QFI_CHECK(view.check_counts(2, 2));
  QFI_CHECK(check_same_values(view.input(0), view.output()));
  const std::vector<int>& in = view.input(0).shape;
  QFI_TRY(const std::vector<Padding2> paddings, read_paddings(view, 1, in));
  QFI_CHECK(view.set_output_shape(padded_shape(in, paddings)));
  const int skipped = view.options<MirrorPadOptions>().repeats_border ? 0 : 1;
  for (std::size_t d = 0; d < in.size(); ++d)
    if (std::max(paddings[d].before, paddings[d].after) > in[d] - skipped)
      return bad_input("paddings of dimension {} are larger than what can be mirrored", d);
  Box box = box_over(view.output().shape, dense_strides(in));
  for (std::size_t d = 0; d < in.size(); ++d)
    if (paddings[d].before != 0 || paddings[d].after != 0)
      QFI_CHECK(set_table(box.dimensions[d], [&](int i) {
        const std::int64_t place = i - paddings[d].before;
        if (place < 0) return -place - 1 + skipped;
        return place < in[d] ? place : 2 * in[d] - 1 - place - skipped;
      }));
  return make_move(view, {std::move(box)});
}

PreparedKernel prepare_transpose(const OperatorView& view) {
  QFI_CHECK(view.check_counts(2, 2));
  QFI_CHECK(check_same_values(view.input(0), view.output()));
  const std::vector<int>& in = view.input(0).shape;
  QFI_TRY(const std::vector<std::int64_t> order, view.constant_integers(1));
  std::vector<std::int64_t> sorted = order;
  std::ranges::sort(sorted);
  std::vector<std::int64_t> all(in.size());
  std::iota(all.begin(), all.end(), 0);
  if (sorted != all) return bad_input("its order is not a permutation of the dimensions");
  std::vector<int> shape;
  for (const std::int64_t d : order) shape.push_back(in[static_cast<std::size_t>(d)]);
  QFI_CHECK(view.set_output_shape(shape));
  const std::vector<std::int64_t> strides = dense_strides(in);
  std::vector<std::int64_t> moved;
  for (const std::int64_t d : order) moved.push_back(strides[static_cast<std::size_t>(d)]);
  return make_move(view, {box_over(shape, moved)});
}

PreparedKernel prepare_slice(const OperatorView& view) {
  QFI_CHECK(view.check_counts(3, 3));
  QFI_CHECK(check_same_values(view.input(0), view.output()));
  const std::vector<int>& in = view.input(0).shape;
  QFI_TRY(const std::vector<std::int64_t> begin, view.constant_integers(1));
  QFI_TRY(const std::vector<std::int64_t> size, view.constant_integers(2));
  if (begin.size() != in.size() || size.size() != in.size())
    return bad_input("begin and size do not match the dimensions");
  std::vector<int> shape;
  for (std::size_t d = 0; d < in.size(); ++d) {
    if (begin[d] < 0 || begin[d] > in[d])
      return bad_input("begin {} of dimension {} is out of range", begin[d], d);
    const std::int64_t count = size[d] == -1 ? in[d] - begin[d] : size[d];
    if (count < 1 || count > in[d] - begin[d])
      return bad_input("size {} of dimension {} is out of range", size[d], d);
    shape.push_back(static_cast<int>(count));
  }
  QFI_CHECK(view.set_output_shape(shape));
  const std::vector<std::int64_t> strides = dense_strides(in);
  Box box = box_over(shape, strides);
  for (std::size_t d = 0; d < in.size(); ++d) box.in_start += begin[d] * strides[d];
  return make_move(view, {std::move(box)});
}

// Begin, end and stride of one entry, as indices of a dimension of `size`; the count is what the
// slice keeps.
struct Range {
  std::int64_t begin = 0;
  std::int64_t count = 1;
  std::int64_t stride = 1;
};

Range resolve(std::int64_t size, std::int64_t begin, std::int64_t end, std::int64_t stride, bool from_start,
              bool to_end) {
  const std::int64_t first = stride > 0 ? 0 : -1;  // bounds that begin and end are clamped to
  const std::int64_t last = stride > 0 ? size : size - 1;
  const auto clamped = [&](std::int64_t index) {
    return std::clamp(index < 0 ? index + size : index, first, last);
  };
  const std::int64_t b = from_start ? (stride > 0 ? 0 : size - 1) : clamped(begin);
  const std::int64_t e = to_end ? (stride > 0 ? size : -1) : clamped(end);
  const std::int64_t distance = stride > 0 ? e - b : b - e;
  const std::int64_t step = std::abs(stride);
  return {b, std::max<std::int64_t>((distance + step - 1) / step, 0), stride};
}

PreparedKernel prepare_strided_slice(const OperatorView& view) {
  QFI_CHECK(view.check_counts(4, 4));
  QFI_CHECK(check_same_values(view.input(0), view.output()));
  const auto& options = view.options<StridedSliceOptions>();
  const std::vector<int>& in = view.input(0).shape;
  QFI_TRY(const std::vector<std::int64_t> begin, view.constant_integers(1));
  QFI_TRY(const std::vector<std::int64_t> end, view.constant_integers(2));
  QFI_TRY(const std::vector<std::int64_t> stride, view.constant_integers(3));
  if (begin.size() != end.size() || begin.size() != stride.size() || begin.size() > in.size())
    return bad_input("begin, end and strides do not match the dimensions");
  if (options.ellipsis_mask != 0 || options.new_axis_mask != 0)
    return bad_input("an ellipsis or a new dimension in the slice is not supported");
  const std::vector<std::int64_t> strides = dense_strides(in);
  Box box;
  std::vector<int> shape;
  for (std::size_t d = 0; d < in.size(); ++d) {
    Range range{0, in[d], 1};
    bool is_shrunk = false;
    if (d < begin.size()) {
      constexpr std::int64_t k_most = std::numeric_limits<int>::max();
      for (const std::int64_t number : {begin[d], end[d], stride[d]})
        if (number < -k_most || number > k_most) return bad_input("{} is out of range", number);
      if (stride[d] == 0) return bad_input("stride 0 of dimension {}", d);
      const unsigned bit = 1U << d;
      is_shrunk = (options.shrink_axis_mask & bit) != 0;
      range = resolve(in[d], begin[d], end[d], stride[d], (options.begin_mask & bit) != 0,
                      (options.end_mask & bit) != 0);
      if (is_shrunk && (options.begin_mask & bit) != 0)
        return bad_input("dimension {} of the slice is both masked and shrunk", d);
      if (is_shrunk) {
        const std::int64_t index = begin[d] < 0 ? begin[d] + in[d] : begin[d];
        if (index < 0 || index >= in[d])
          return bad_input("index {} of dimension {} is out of range", begin[d], d);
        range = {index, 1, 1};
      }
      if (range.count < 1) return bad_input("the slice of dimension {} is empty", d);
    }
    if (!is_shrunk) shape.push_back(static_cast<int>(range.count));
    box.dimensions.push_back({range.count, range.stride * strides[d], 0, {}});
    box.in_start += range.begin * strides[d];
  }
  QFI_CHECK(view.set_output_shape(shape));
  std::int64_t out_stride = 1;
  for (std::size_t d = box.dimensions.size(); d-- > 0;) {
    box.dimensions[d].out_stride = out_stride;
    out_stride *= box.dimensions[d].count;
  }
  return make_move(view, {std::move(box)});
}

PreparedKernel prepare_gather(const OperatorView& view) {
  QFI_CHECK(view.check_counts(2, 2));
  QFI_CHECK(check_same_values(view.input(0), view.output()));
  const std::vector<int>& in = view.input(0).shape;
  QFI_TRY(const std::size_t axis, dimension_index(view.options<AxisOptions>().axis, in.size()));
  QFI_TRY(const std::vector<std::int64_t> indices, view.constant_integers(1));
  for (const std::int64_t index : indices)
    if (index < 0 || index >= in[axis]) return bad_input("index {} is out of range", index);
  // The indices' own shape takes the place of the dimension; flat, it is one dimension.
  const auto at = in.begin() + static_cast<std::ptrdiff_t>(axis);
  std::vector<int> shape(in.begin(), at);
  shape.insert(shape.end(), view.input(1).shape.begin(), view.input(1).shape.end());
  shape.insert(shape.end(), at + 1, in.end());
  QFI_CHECK(view.set_output_shape(shape));
  std::vector<int> flat = in;
  flat[axis] = static_cast<int>(indices.size());
  Box box = box_over(flat, dense_strides(in));
  QFI_CHECK(set_table(box.dimensions[axis], [&](int i) { return indices[static_cast<std::size_t>(i)]; }));
  return make_move(view, {std::move(box)});
}

// A box that copies a whole tensor of `shape` to or from a part of a larger tensor, which begins at
// `start` of dimension `axis` and has the strides `whole`.
enum class Direction : std::uint8_t { into_whole, out_of_whole };
Box part_box(const std::vector<int>& shape, const std::vector<std::int64_t>& whole, Direction direction,
             std::int64_t start) {
  Box box;
  const std::vector<std::int64_t> own = dense_strides(shape);
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (direction == Direction::into_whole) box.dimensions.push_back({shape[d], own[d], whole[d], {}});
    else box.dimensions.push_back({shape[d], whole[d], own[d], {}});
  }
  (direction == Direction::into_whole ? box.out_start : box.in_start) = start;
  return box;
}

// The first input's shape, with all inputs side by side along `axis`.
Result<std::vector<std::int64_t>> concatenated(const OperatorView& view, std::size_t axis) {
  const std::vector<int>& first = view.input(0).shape;
  std::vector<std::int64_t> shape(first.begin(), first.end());
  shape[axis] = 0;
  for (std::size_t k = 0; k < view.op().inputs.size(); ++k) {
    if (!view.has_input(k)) return bad_input("input {} is missing", k);
    std::vector<int> expected = first;
    if (view.input(k).shape.size() == first.size()) expected[axis] = view.input(k).shape[axis];
    if (view.input(k).shape != expected) return bad_input("input {} does not fit the others", k);
    shape[axis] += expected[axis];
  }
  return shape;
}

PreparedKernel prepare_concatenation(const OperatorView& view) {
  QFI_CHECK(view.check_counts(1, view.op().inputs.size()));
  QFI_TRY(const std::size_t axis,
          dimension_index(view.options<AxisOptions>().axis, view.input(0).shape.size()));
  QFI_TRY(const std::vector<std::int64_t> shape, concatenated(view, axis));
  QFI_CHECK(view.set_output_shape(shape));
  const std::vector<std::int64_t> strides = dense_strides(view.output().shape);
  std::vector<Box> boxes;
  std::int64_t place = 0;
  for (std::size_t k = 0; k < view.op().inputs.size(); ++k) {
    QFI_CHECK(check_same_values(view.input(k), view.output()));
    const std::vector<int>& in = view.input(k).shape;
    boxes.push_back(part_box(in, strides, Direction::into_whole, place * strides[axis]));
    boxes.back().input = k;
    place += in[axis];
  }
  return make_move(view, std::move(boxes));
}

std::vector<int> without(std::vector<int> shape, std::size_t axis) {
  shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
  return shape;
}

PreparedKernel prepare_pack(const OperatorView& view) {
  const std::size_t count = view.op().inputs.size();
  QFI_CHECK(view.check_counts(std::max<std::size_t>(count, 1), count));
  std::vector<int> packed = view.input(0).shape;
  QFI_TRY(const std::size_t axis, dimension_index(view.options<AxisOptions>().axis, packed.size() + 1));
  packed.insert(packed.begin() + static_cast<std::ptrdiff_t>(axis), static_cast<int>(count));
  QFI_CHECK(view.set_output_shape(packed));
  std::vector<std::int64_t> strides = dense_strides(packed);
  const std::int64_t step = strides[axis];
  strides.erase(strides.begin() + static_cast<std::ptrdiff_t>(axis));
  std::vector<Box> boxes;
  for (std::size_t k = 0; k < count; ++k) {
    QFI_CHECK(check_same_values(view.input(k), view.output()));
    if (view.input(k).shape != view.input(0).shape) return bad_input("input {} does not fit the others", k);
    boxes.push_back(
        part_box(view.input(k).shape, strides, Direction::into_whole, static_cast<std::int64_t>(k) * step));
    boxes.back().input = k;
  }
  return make_move(view, std::move(boxes));
}

PreparedKernel prepare_unpack(const OperatorView& view) {
  const std::size_t count = view.op().outputs.size();
  QFI_CHECK(view.check_counts(1, 1, count));
  const std::vector<int>& in = view.input(0).shape;
  QFI_TRY(const std::size_t axis, dimension_index(view.options<AxisOptions>().axis, in.size()));
  if (static_cast<std::size_t>(in[axis]) != count)
    return bad_input("{} outputs do not take the input", count);
  std::vector<std::int64_t> strides = dense_strides(in);
  const std::int64_t step = strides[axis];
  strides.erase(strides.begin() + static_cast<std::ptrdiff_t>(axis));
  std::vector<Box> boxes;
  for (std::size_t k = 0; k < count; ++k) {
    QFI_CHECK(check_same_values(view.input(0), view.output(k)));
    QFI_CHECK(view.set_output_shape(without(in, axis), k));
    boxes.push_back(part_box(view.output(k).shape, strides, Direction::out_of_whole,
                             static_cast<std::int64_t>(k) * step));
    boxes.back().output = k;
  }
  return make_move(view, std::move(boxes));
}

// How much of dimension `axis`, of `size`, each output gets: equal parts, or what input 1 says, where one
// part may be -1, what is left.
Result<std::vector<std::int64_t>> split_sizes(const OperatorView& view, std::int64_t size) {
  const auto count = static_cast<std::int64_t>(view.op().outputs.size());
  if (view.op().kind == OperatorKind::split) {
    if (size % count != 0) return bad_input("{} elements do not split into {} equal parts", size, count);
    return std::vector<std::int64_t>(view.op().outputs.size(), size / count);
  }
  QFI_TRY(std::vector<std::int64_t> sizes, view.constant_integers(1));
  if (sizes.size() != view.op().outputs.size())
    return bad_input("{} sizes for {} outputs", sizes.size(), count);
  std::int64_t left = size;
  for (const std::int64_t part : sizes) {
    if (part < -1 || part > left) return bad_input("a part of {} does not fit {} elements", part, size);
    left -= std::max<std::int64_t>(part, 0);
  }
  const auto rest = std::ranges::find(sizes, -1);
  if (rest != sizes.end()) *rest = std::exchange(left, 0);
  if (left != 0) return bad_input("its parts do not take all of {} elements", size);
  return sizes;
}

// SPLIT: inputs are axis and data. SPLIT_V: data, sizes, axis.
PreparedKernel prepare_split(const OperatorView& view) {
  const bool has_sizes = view.op().kind == OperatorKind::split_v;
  const std::size_t data = has_sizes ? 0 : 1;
  const std::size_t inputs = has_sizes ? 3 : 2;
  const std::size_t count = view.op().outputs.size();
  QFI_CHECK(view.check_counts(inputs, inputs, std::max<std::size_t>(count, 1)));
  const std::vector<int>& in = view.input(data).shape;
  QFI_TRY(const std::size_t axis, view.constant_axis(has_sizes ? 2 : 0, in.size()));
  QFI_TRY(const std::vector<std::int64_t> sizes, split_sizes(view, in[axis]));
  const std::vector<std::int64_t> strides = dense_strides(in);
  std::vector<Box> boxes;
  std::int64_t place = 0;
  for (std::size_t k = 0; k < count; ++k) {
    QFI_CHECK(check_same_values(view.input(data), view.output(k)));
    std::vector<std::int64_t> part(in.begin(), in.end());
    part[axis] = sizes[k];
    QFI_CHECK(view.set_output_shape(part, k));
    boxes.push_back(part_box(view.output(k).shape, strides, Direction::out_of_whole, place * strides[axis]));
    boxes.back().input = data;
    boxes.back().output = k;
    place += sizes[k];
  }
  return make_move(view, std::move(boxes));
}

// The block sizes of SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND over height and width.
Result<std::array<int, 2>> read_block(const OperatorView& view) {
  QFI_TRY(const std::vector<std::int64_t> block, view.constant_integers(1));
  if (block.size() != 2 || block[0] < 1 || block[1] < 1 || block[0] > 1 << 15 || block[1] > 1 << 15)
    return bad_input("blocks other than two positive numbers are not supported");
  constexpr std::int64_t k_most_phases = 4096;
  if (block[0] * block[1] > k_most_phases)
    return bad_input("blocks of {}x{} are too large", block[0], block[1]);
  return std::array{static_cast<int>(block[0]), static_cast<int>(block[1])};
}

Result<void> set_space_batch_shape(const OperatorView& view, bool to_batch, const std::array<int, 2>& block,
                                   const std::vector<Padding2>& margins) {
  const std::vector<int>& in = view.input(0).shape;
  std::vector<std::int64_t> out(in.begin(), in.end());
  const std::int64_t phases = std::int64_t{block[0]} * block[1];
  for (std::size_t k = 0; k < 2; ++k) {
    const std::int64_t margin = std::int64_t{margins[k].before} + margins[k].after;
    if (to_batch && (in[k + 1] + margin) % block[k] != 0)
      return bad_input("{} rows or columns with their margins are not whole blocks of {}", in[k + 1],
                       block[k]);
    out[k + 1] = to_batch ? (in[k + 1] + margin) / block[k] : std::int64_t{in[k + 1]} * block[k] - margin;
  }
  if (!to_batch && in[0] % phases != 0)
    return bad_input("a batch of {} is not whole blocks of {}x{}", in[0], block[0], block[1]);
  out[0] = to_batch ? in[0] * phases : in[0] / phases;
  return view.set_output_shape(out);
}

// Space y = by * block + phase: (batch, y, x, c) of the space side meets ((phase_y * block_x +
// phase_x) * batch + b, by, bx, c) of the batch side. The space side may be padded or cropped.
PreparedKernel prepare_space_batch(const OperatorView& view) {
  const bool to_batch = view.op().kind == OperatorKind::space_to_batch_nd;
  QFI_CHECK(view.check_counts(3, 3));
  QFI_CHECK(check_same_values(view.input(0), view.output()));
  if (view.input(0).shape.size() != 4) return bad_input("its input must have 4 dimensions");
  QFI_TRY(const auto block, read_block(view));
  QFI_TRY(const std::vector<Padding2> margins,
          read_paddings(view, 2, {view.input(0).shape[1], view.input(0).shape[2]}));
  QFI_CHECK(set_space_batch_shape(view, to_batch, block, margins));
  const std::vector<int>& space = to_batch ? view.input(0).shape : view.output().shape;
  const std::vector<int>& batch = to_batch ? view.output().shape : view.input(0).shape;
  const std::vector<std::int64_t> in = dense_strides(view.input(0).shape);
  const std::vector<std::int64_t> out = dense_strides(view.output().shape);
  const std::vector<std::int64_t>& batch_strides = to_batch ? out : in;
  std::vector<Box> boxes;
  for (int phase_y = 0; phase_y < block[0]; ++phase_y)
    for (int phase_x = 0; phase_x < block[1]; ++phase_x) {
      const std::array<int, 2> phase{phase_y, phase_x};
      const std::int64_t batch_start =
          std::int64_t{phase_y * block[1] + phase_x} * space[0] * batch_strides[0];
      Box box;
      (to_batch ? box.out_start : box.in_start) = batch_start;
      box.dimensions.push_back({space[0], in[0], out[0], {}});
      for (std::size_t k = 0; k < 2; ++k) {
        const std::int64_t offset = phase[k] - margins[k].before;  // of block 0, in the space
        if (to_batch) {
          BoxDimension dimension{batch[k + 1], in[k + 1], out[k + 1], {}};
          QFI_CHECK(set_table(dimension, [&](int i) {
            const std::int64_t place = i * block[k] + offset;
            return place >= 0 && place < space[k + 1] ? place : k_fill;
          }));
          box.dimensions.push_back(std::move(dimension));
        } else {
          // Only what is not cropped.
          const std::int64_t first = std::max<std::int64_t>(0, (-offset + block[k] - 1) / block[k]);
          const std::int64_t end =
              std::min<std::int64_t>(batch[k + 1], (space[k + 1] - offset + block[k] - 1) / block[k]);
          box.in_start += first * in[k + 1];
          box.out_start += (first * block[k] + offset) * out[k + 1];
          box.dimensions.push_back({end - first, in[k + 1], out[k + 1] * block[k], {}});
        }
      }
      box.dimensions.push_back({space[3], 1, 1, {}});
      const bool is_empty = std::ranges::any_of(box.dimensions, [](const auto& d) { return d.count < 1; });
      if (!is_empty) boxes.push_back(std::move(box));
    }
  return make_move(view, std::move(boxes), zero_of(view.output()));
}

// SPACE_TO_DEPTH and DEPTH_TO_SPACE: (batch, y * block + dy, x * block + dx, c) of the space side meets
// (batch, y, x, (dy * block + dx) * channels + c) of the depth side.
PreparedKernel prepare_space_depth(const OperatorView& view) {
  const bool to_depth = view.op().kind == OperatorKind::space_to_depth;
  QFI_CHECK(view.check_counts(1, 1));
  QFI_CHECK(check_same_values(view.input(0), view.output()));
  const std::vector<int>& in = view.input(0).shape;
  const std::int64_t block = view.options<BlockOptions>().block_size;
  if (in.size() != 4) return bad_input("its input must have 4 dimensions");
  const TensorType type = view.output().type;
  if (!to_depth && (type == TensorType::int16 || type == TensorType::boolean))
    return bad_input("input '{}' is {}, which the runtime does not have here", view.input(0).name,
                     name_of(type));
  const bool fits = to_depth ? in[1] % block == 0 && in[2] % block == 0 : in[3] % (block * block) == 0;
  if (!fits) return bad_input("an input of {} does not fit blocks of {}", fmt::join(in, "x"), block);
  if (to_depth)
    QFI_CHECK(view.set_output_shape(
        std::vector<std::int64_t>{in[0], in[1] / block, in[2] / block, in[3] * block * block}));
  else
    QFI_CHECK(view.set_output_shape(
        std::vector<std::int64_t>{in[0], in[1] * block, in[2] * block, in[3] / (block * block)}));
  const std::vector<int>& space = to_depth ? in : view.output().shape;
  const std::vector<int>& depth = to_depth ? view.output().shape : in;
  const std::vector<std::int64_t> s = dense_strides(space);
  const std::vector<std::int64_t> d = dense_strides(depth);
  Box box;
  const auto add = [&](std::int64_t count, std::int64_t in_space, std::int64_t in_depth) {
    if (to_depth) box.dimensions.push_back({count, in_space, in_depth, {}});
    else box.dimensions.push_back({count, in_depth, in_space, {}});
  };
  add(depth[0], s[0], d[0]);
  add(depth[1], s[1] * block, d[1]);
  add(depth[2], s[2] * block, d[2]);
  add(block, s[1], block * space[3]);
  add(block, s[2], space[3]);
  add(space[3], 1, 1);
  return make_move(view, {std::move(box)});
}

PreparedKernel prepare_resize_nearest(const OperatorView& view) {
  QFI_CHECK(view.check_counts(2, 2));
  QFI_CHECK(check_same_values(view.input(0), view.output()));
  QFI_CHECK(view.set_resized_shape(1));
  const std::vector<int>& in = view.input(0).shape;
  const std::vector<int>& out = view.output().shape;
  const auto& options = view.options<ResizeOptions>();
  const auto nearest = [&](int in_size, int out_size, int i) {
    const bool aligned = options.align_corners && out_size > 1;
    const float scale = static_cast<float>(aligned ? in_size - 1 : in_size) /
                        static_cast<float>(aligned ? out_size - 1 : out_size);
    const float place = (static_cast<float>(i) + (options.half_pixel_centers ? 0.5F : 0.0F)) * scale;
    const auto rounded = static_cast<int>(options.align_corners ? std::round(place) : std::floor(place));
    return std::clamp(rounded, 0, in_size - 1);
  };
  Box box = box_over(out, dense_strides(in));
  for (const std::size_t d : {1U, 2U})
    QFI_CHECK(set_table(box.dimensions[d], [&](int i) { return nearest(in[d], out[d], i); }));
  return make_move(view, {std::move(box)});
}

// The input's shape; folded when the Program is prepared.
class ShapeKernel final : public Kernel {
 public:
  ShapeKernel(const std::vector<int>& shape, TensorType type)
      : m_shape(shape.begin(), shape.end()), m_type(type) {}
  void run(const KernelCall& call) const override {
    for (std::size_t image = 0; image < call.images; ++image)
      for (std::size_t d = 0; d < m_shape.size(); ++d)
        if (m_type == TensorType::int32)
          call.out<std::int32_t>(image)[d] = static_cast<std::int32_t>(m_shape[d]);
        else call.out<std::int64_t>(image)[d] = m_shape[d];
  }

 private:
  std::vector<std::int64_t> m_shape;
  TensorType m_type;
};

PreparedKernel prepare_shape(const OperatorView& view) {
  QFI_CHECK(view.check_counts(1, 1));
  const Tensor& output = view.output();
  if (output.type != TensorType::int32 && output.type != TensorType::int64)
    return bad_input("output '{}' is {} instead of INT32 or INT64", output.name, name_of(output.type));
  QFI_CHECK(view.set_output_shape(std::vector<std::size_t>{view.input(0).shape.size()}));
  return std::make_unique<ShapeKernel>(view.input(0).shape, output.type);
}

}  // namespace

PreparedKernel prepare_layout(const OperatorView& view) {
  switch (view.op().kind) {
    case OperatorKind::concatenation: return prepare_concatenation(view);
    case OperatorKind::gather: return prepare_gather(view);
    case OperatorKind::mirror_pad: return prepare_mirror_pad(view);
    case OperatorKind::pack: return prepare_pack(view);
    case OperatorKind::pad:
    case OperatorKind::padv2: return prepare_pad(view);
    case OperatorKind::resize_nearest_neighbor: return prepare_resize_nearest(view);
    case OperatorKind::shape: return prepare_shape(view);
    case OperatorKind::slice: return prepare_slice(view);
    case OperatorKind::batch_to_space_nd:
    case OperatorKind::space_to_batch_nd: return prepare_space_batch(view);
    case OperatorKind::depth_to_space:
    case OperatorKind::space_to_depth: return prepare_space_depth(view);
    case OperatorKind::split:
    case OperatorKind::split_v: return prepare_split(view);
    case OperatorKind::strided_slice: return prepare_strided_slice(view);
    case OperatorKind::transpose: return prepare_transpose(view);
    case OperatorKind::unpack: return prepare_unpack(view);
    default: return prepare_copy(view);
  }
}

}  // namespace qfi
