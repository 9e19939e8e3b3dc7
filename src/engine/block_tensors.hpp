// SPDX-License-Identifier: Apache-2.0
// Owns the tensors of the faulty inferences that run side by side: what each of them has in the place of its
// golden image, and where the two differ. Operators read whole images from here and write changed ones.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "changed_layer.hpp"
#include "qfi/engine/golden_activations.hpp"

namespace qfi {

/// Inferences of a run, a bit for each.
using InferenceMask = std::uint64_t;

inline InferenceMask bit_of(std::size_t k) { return InferenceMask{1} << k; }
inline bool has_bit(InferenceMask mask, std::size_t k) { return (mask >> k & 1U) != 0; }
inline InferenceMask first_bits(std::size_t count) {
  return count == 64 ? ~InferenceMask{0} : bit_of(count) - 1;
}

template <class Use>
void for_each_inference(InferenceMask mask, const Use& use) {
  for (; mask != 0; mask &= mask - 1) use(static_cast<std::size_t>(std::countr_zero(mask)));
}

/// use(first, count) for inferences that stand side by side.
template <class Use>
void for_each_stretch(InferenceMask mask, const Use& use) {
  while (mask != 0) {
    const auto first = static_cast<std::size_t>(std::countr_zero(mask));
    const auto count = static_cast<std::size_t>(std::countr_one(mask >> first));
    use(first, count);
    mask &= ~(first_bits(count) << first);
  }
}

/// Each thread has its own. Golden activations must outlive what is read from here.
class BlockTensors {
 public:
  explicit BlockTensors(const Model& model);

  /// Everything is golden again. Inference k is one of image first + k % images. What is known of the same
  /// images from the last run stays known.
  void begin(const GoldenActivations& golden, std::size_t first, std::size_t images, std::size_t inferences);

  std::size_t inferences() const { return m_inferences; }
  /// The golden image that inference k began from.
  std::size_t golden_image(std::size_t k) const { return m_first + k % m_images; }
  const GoldenActivations& golden() const { return *m_golden; }

  const PixelGrid& grid(int tensor) const { return at(tensor).grid; }
  std::size_t bytes(int tensor) const { return at(tensor).bytes; }
  InferenceMask differs(int tensor) const { return at(tensor).differs; }
  bool differs(int tensor, std::size_t k) const { return has_bit(at(tensor).differs, k); }
  /// Tensors that differ in some inference, and perhaps some that do not any more.
  std::span<const int> touched() const { return m_touched; }

  const std::byte* golden_values(int tensor, std::size_t k) const {
    return m_golden->tensor(tensor, golden_image(k)).data();
  }
  /// Gives all values of an inference, which hold until it is written.
  const std::byte* values(int tensor, std::size_t k) { return values(tensor, k, 1); }
  /// Gives those of inferences side by side, one image after the other.
  const std::byte* values(int tensor, std::size_t first, std::size_t count);

  /// Precondition: the tensor differs in inference k, or the image was begun.
  ChangedImage changed_image(int tensor, std::size_t k);
  /// Makes an image ready to be written pixel by pixel; it is golden so far.
  ChangedImage begin_image(int tensor, std::size_t k);
  /// Sees whether the image differs now.
  void end_image(int tensor, std::size_t k);

  /// Says where inference k is to be written as a whole; those of k + 1 and so on stand behind it.
  std::byte* whole_image(int tensor, std::size_t k);
  /// Finds what differs in an image that was written as a whole.
  void end_whole_image(int tensor, std::size_t k);

  /// Makes one pixel of an image ready to be written and says where it is.
  std::byte* writable_pixel(int tensor, std::size_t k, std::size_t pixel);
  /// Sees whether a pixel differs of which one channel was written.
  void end_pixel(int tensor, std::size_t k, std::size_t pixel, std::size_t channel);

  /// This is a pixel of an image, as it was before it is written, and where the image differed.
  struct SavedPixel {
    int tensor = 0;
    std::size_t inference = 0;
    std::size_t pixel = 0;
    std::vector<std::byte> values;
    std::vector<std::uint64_t> bits;
    ChannelRange channels;
  };
  SavedPixel save_pixel(int tensor, std::size_t k, std::size_t pixel);
  void restore_pixel(const SavedPixel& saved);

 private:
  // The images of a tensor as they are now. One that does not differ is the golden one, whatever stands here.
  struct BlockTensor {
    explicit BlockTensor(const Tensor& tensor) : grid(tensor), bytes(tensor.bytes()) {}
    PixelGrid grid;
    std::size_t bytes;  ///< of an image
    std::vector<std::byte> now;
    std::vector<std::uint64_t> bits;  ///< pixels that are not golden in `now`
    std::vector<ChannelRange> channels;
    InferenceMask differs = 0;      ///< in the run at hand
    InferenceMask is_stale = 0;     ///< bits are those of an earlier run
    InferenceMask is_complete = 0;  ///< pixels without a bit are golden in `now`; else they mean nothing
    bool is_used = false;           ///< with these images

    PixelBits bits_of(std::size_t k) {
      return std::span(bits).subspan(k * grid.map_words(), grid.map_words());
    }
    std::byte* now_of(std::size_t k) { return now.data() + k * bytes; }
  };

  BlockTensor& at(int tensor) { return m_tensors[static_cast<std::size_t>(tensor)]; }
  const BlockTensor& at(int tensor) const { return m_tensors[static_cast<std::size_t>(tensor)]; }
  BlockTensor& prepared(int tensor);
  void copy_golden_pixels(int tensor, std::size_t k, bool that_differ);
  void clean(int tensor, std::size_t k);
  void complete(int tensor, std::size_t k);

  std::vector<BlockTensor> m_tensors;
  std::vector<int> m_used;  ///< tensors with memory of these images
  std::vector<int> m_touched;
  const GoldenActivations* m_golden = nullptr;
  std::uint64_t m_version = 0;  ///< of the golden activations; 0: of none
  std::size_t m_first = 0;
  std::size_t m_images = 0;
  std::size_t m_inferences = 0;
};

}  // namespace qfi
