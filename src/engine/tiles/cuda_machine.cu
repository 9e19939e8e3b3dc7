// SPDX-License-Identifier: Apache-2.0
// The tile programs on a CUDA device. Sums of products run on the tensor cores (mma.sync, 8-bit integers,
// from compute capability 8.0 on); a tile's operands go through shared memory, some steps ahead.
#include <cuda_runtime.h>

#include "product_tile.cuh"
#include "tile_machine.hpp"

namespace qfi::tiles {
namespace {

constexpr int k_threads = 256;

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();
  throw MachineError(std::string("CUDA: ") + what + ": " + cudaGetErrorString(status));
}

__device__ std::int64_t thread_number() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ std::int64_t threads() { return static_cast<std::int64_t>(gridDim.x) * blockDim.x; }

// A thread makes one chunk of all copies.
__global__ void copy_kernel(const __grid_constant__ CopyJob job) {
  extern __shared__ __align__(16) std::uint32_t maps[];
  for (int i = static_cast<int>(threadIdx.x); i < map_words(job.copies); i += static_cast<int>(blockDim.x))
    maps[i] = job.maps[i];
  __syncthreads();
  const int chunks = job.pitch / k_chunk;
  const bool is_whole = !job.is_unrolled && job.shape.in_c % k_chunk == 0;
  for (std::int64_t i = thread_number(); i < job.rows * chunks; i += threads()) {
    const std::int64_t row = quotient(i, chunks);
    const int first = static_cast<int>(i - row * chunks) * k_chunk;
    Chunk chunk;
    if (is_whole) {
      const uint4 words = *reinterpret_cast<const uint4*>(job.input + row * job.shape.in_c + first);
      chunk = {{words.x, words.y, words.z, words.w}, 0xFFFFU};
    } else {
      chunk = read_chunk(job, row, first);
    }
    for (int copy = 0; copy < job.copies; copy += 4) {
      std::uint32_t mapped[4][4];
      map_chunk(chunk, maps + copy * 64, mapped);
#pragma unroll
      for (int k = 0; k < 4; ++k)
        if (copy + k < job.copies)
          *reinterpret_cast<uint4*>(job.to + (copy + k) * job.copy_bytes + row * job.pitch + first) =
              make_uint4(mapped[k][0], mapped[k][1], mapped[k][2], mapped[k][3]);
    }
  }
}

// The sum over the threads of a warp.
__device__ std::uint32_t sum_of_warp(std::uint32_t value) {
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xFFFFFFFFU, value, distance);
  return value;
}

// The job that has this row.
__device__ int job_of_row(const PackAllJob& all, int row) {
  int first = 0, end = all.count;
  while (end - first > 1) {
    const int middle = (first + end) / 2;
    if (all.jobs[middle].first_row <= row) first = middle;
    else end = middle;
  }
  return first;
}

// A block packs one output channel; each warp sums some of its taps.
__global__ void pack_kernel(const __grid_constant__ PackAllJob all) {
  extern __shared__ __align__(16) std::uint8_t memory[];
  __shared__ int number;
  if (threadIdx.x == 0) number = job_of_row(all, static_cast<int>(blockIdx.x));
  __syncthreads();
  const PackJob& job = all.jobs[number];
  auto* const inside_values = reinterpret_cast<std::uint32_t*>(memory);
  auto* const outside_values = inside_values + 256;
  auto* const maps = reinterpret_cast<std::int8_t*>(outside_values + 256);
  const int taps = job.filter_h * job.filter_w;
  const int out = static_cast<int>(blockIdx.x) - job.first_row;
  std::uint32_t* const inside = job.tap_sums + static_cast<std::int64_t>(out) * 2 * taps;
  std::uint32_t* const outside = inside + taps;
  const int thread = static_cast<int>(threadIdx.x);
  const int step = static_cast<int>(blockDim.x);
  for (int i = thread; i < 256; i += step) {
    inside_values[i] = static_cast<std::uint32_t>(job.inside[i]);
    outside_values[i] = job.outside == nullptr ? 0U : static_cast<std::uint32_t>(job.outside[i]);
  }
  for (int i = thread; i < job.copies * 64; i += step)
    reinterpret_cast<std::uint32_t*>(maps)[i] = reinterpret_cast<const std::uint32_t*>(job.maps)[i];
  __syncthreads();
  for (int tap = thread / 32; tap < taps; tap += step / 32) {
    std::uint32_t in = 0, outer = 0;
    for (int c = thread % 32; c < job.in_c; c += 32) {
      const std::uint8_t weight = weight_at(job, out, tap, c);
      in += inside_values[weight];
      outer += outside_values[weight];
    }
    in = sum_of_warp(in);
    outer = sum_of_warp(outer);
    if (thread % 32 == 0) {
      inside[tap] = in;
      outside[tap] = outer;
    }
  }
  for (int word = thread; word < job.row_bytes / 4; word += step) {
    std::uint8_t weights[4];
    bool is_there[4];
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const WeightPlace place = weight_place(job, word * 4 + k);
      is_there[k] = place.channel >= 0;
      weights[k] = is_there[k] ? weight_at(job, out, place.tap, place.channel) : std::uint8_t{0};
    }
    for (int copy = 0; copy < job.copies; ++copy) {
      std::uint32_t mapped = 0;
#pragma unroll
      for (int k = 0; k < 4; ++k)
        if (is_there[k])
          mapped |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(maps[copy * 256 + weights[k]]))
                    << (8 * k);
      reinterpret_cast<std::uint32_t*>(job.to + (static_cast<std::int64_t>(copy) * job.out_c + out) *
                                                    job.row_bytes)[word] = mapped;
    }
  }
  __threadfence_block();
  __syncthreads();
  for (int k = thread; k < job.row_classes * job.column_classes; k += step)
    job.to_bias[static_cast<std::int64_t>(k) * job.out_c + out] =
        class_bias(job, k / job.column_classes, k % job.column_classes, out, inside, outside);
}

// A warp has one channel and one word of patterns, its threads neighbouring pixels.
__global__ void bits_kernel(const __grid_constant__ BitsJob job) {
  extern __shared__ __align__(16) std::uint32_t patterns[];
  for (int i = static_cast<int>(threadIdx.x); i < 256 * job.pattern_words; i += static_cast<int>(blockDim.x))
    patterns[i] = job.patterns[i];
  __syncthreads();
  const std::int64_t all =
      static_cast<std::int64_t>(groups_of(job.images)) * job.channels * job.pattern_words * job.pixels;
  for (std::int64_t i = thread_number(); i < all; i += threads()) {
    // Pixels run fastest, channels next, so that bytes of a pixel are read by neighbouring warps.
    const int pixel = static_cast<int>(i % job.pixels);
    std::int64_t rest = i / job.pixels;
    const int channel = static_cast<int>(rest % job.channels);
    rest /= job.channels;
    make_words(job, patterns, rest / job.pattern_words, channel, static_cast<int>(rest % job.pattern_words),
               pixel);
  }
}

__global__ void class_kernel(const __grid_constant__ ClassJob job) {
  const std::int64_t all = static_cast<std::int64_t>(job.out_c) * job.taps * job.in_c;
  for (std::int64_t i = thread_number(); i < all; i += threads()) job.classes[i] = class_at(job, i);
}

// The warps of a block have neighbouring output channels of the same 32 places, whose words they share.
__global__ void __launch_bounds__(k_threads) count_kernel(const __grid_constant__ CountJob job, int lanes) {
  const int out = static_cast<int>(blockIdx.y) * (k_threads / 32) + static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(blockIdx.x) * 32 + static_cast<int>(threadIdx.x) % 32;
  if (out < job.shape.out_c && lane < lanes) count_output(job, out, lane);
}

__global__ void look_up_kernel(const __grid_constant__ LookUpJob job) {
  const std::int64_t count = job.images * static_cast<std::int64_t>(job.shape.out_plane());
  for (std::int64_t i = thread_number(); i < count; i += threads()) job.output[i] = look_up_output(job, i);
}

// Four elements of a thread at a time.
template <class Output>
__device__ void for_elements(const ElementJob& job, const Output& output_of) {
  const std::int64_t whole = job.count / 4;
  const auto* const x = reinterpret_cast<const uchar4*>(job.x);
  const auto* const y = reinterpret_cast<const uchar4*>(job.y == nullptr ? job.x : job.y);
  auto* const output = reinterpret_cast<uchar4*>(job.output);
  for (std::int64_t i = thread_number(); i < whole; i += threads()) {
    const uchar4 a = x[i];
    const uchar4 b = y[i];
    output[i] =
        make_uchar4(output_of(a.x, b.x), output_of(a.y, b.y), output_of(a.z, b.z), output_of(a.w, b.w));
  }
  for (std::int64_t i = whole * 4 + thread_number(); i < job.count; i += threads())
    job.output[i] = output_of(job.x[i], job.y == nullptr ? std::uint8_t{0} : job.y[i]);
}

__global__ void table_kernel(const __grid_constant__ ElementJob job, int table_bytes) {
  extern __shared__ __align__(16) std::uint8_t table[];
  for (int i = static_cast<int>(threadIdx.x) * 16; i < table_bytes; i += static_cast<int>(blockDim.x) * 16)
    *reinterpret_cast<uint4*>(table + i) = *reinterpret_cast<const uint4*>(job.table + i);
  __syncthreads();
  if (job.y == nullptr) for_elements(job, [&](std::uint8_t x, std::uint8_t) { return table[x]; });
  else for_elements(job, [&](std::uint8_t x, std::uint8_t y) { return table[x * 256 + y]; });
}

__global__ void linear_kernel(const __grid_constant__ ElementJob job) {
  for_elements(job, [&](std::uint8_t x, std::uint8_t y) { return linear_output(job, x, y); });
}

__global__ void gather_kernel(const __grid_constant__ GatherJob job) {
  for (std::int64_t i = thread_number(); i < job.images * job.outputs; i += threads()) {
    const std::int64_t image =
        job.outputs <= 0x7FFFFFFF ? quotient(i, static_cast<int>(job.outputs)) : i / job.outputs;
    const std::int64_t source = job.sources[i - image * job.outputs];
    const std::uint8_t* from = gathered(job, image, source);
    const auto constant = static_cast<std::uint8_t>(-1 - source);
    if (job.unit == 1) {
      job.output[i] = from == nullptr ? constant : *from;
    } else {
      const std::uint32_t filled = constant * 0x01010101U;
      reinterpret_cast<uint4*>(job.output)[i] = from == nullptr ? make_uint4(filled, filled, filled, filled)
                                                                : *reinterpret_cast<const uint4*>(from);
    }
  }
}

__global__ void pool_kernel(const __grid_constant__ PoolJob job) {
  const std::int64_t count = job.images * static_cast<std::int64_t>(job.shape.out_plane());
  for (std::int64_t i = thread_number(); i < count; i += threads()) job.output[i] = pooled(job, i);
}

__global__ void sum_kernel(const __grid_constant__ SumJob job) {
  for (std::int64_t i = thread_number(); i < job.images * job.outputs; i += threads())
    job.output[i] = summed(job, i);
}

class CudaMachine final : public TileMachine {
 public:
  explicit CudaMachine(int device) : m_device(device) {
    check(cudaSetDevice(device), "choosing the device");
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, device), "reading the device's properties");
    m_name = properties.name;
    m_blocks = static_cast<unsigned>(properties.multiProcessorCount) * 8;
    check(cudaStreamCreateWithFlags(&m_stream, cudaStreamNonBlocking), "making a stream");
  }
  ~CudaMachine() override { cudaStreamDestroy(m_stream); }

  std::string name() const override { return m_name; }
  std::unique_ptr<TileMachine> another() const override { return std::make_unique<CudaMachine>(m_device); }
  std::size_t free_bytes() const override {
    std::size_t free = 0, total = 0;
    choose();
    check(cudaMemGetInfo(&free, &total), "asking for free memory");
    return free;
  }

  std::byte* allocate(std::size_t bytes) override {
    void* memory = nullptr;
    choose();
    const cudaError_t status = cudaMalloc(&memory, bytes);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      throw MachineError("CUDA: " + std::to_string(bytes >> 20) +
                         " MiB more do not fit into the device's memory; give "
                         "less with --device-memory, fewer --threads, or free the device");
    }
    check(status, "taking memory");
    return static_cast<std::byte*>(memory);
  }
  void release(std::byte* memory) noexcept override { cudaFree(memory); }
  void upload(std::byte* to, const void* from, std::size_t bytes) override {
    choose();
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, m_stream), "copying to the device");
    // Large pageable copies may still read the caller's bytes.
    check(cudaStreamSynchronize(m_stream), "copying to the device");
  }
  void copy(std::byte* to, const std::byte* from, std::size_t bytes) override {
    choose();
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, m_stream), "copying on the device");
  }
  void download(void* to, const std::byte* from, std::size_t bytes) override {
    choose();
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, m_stream), "copying from the device");
    check(cudaStreamSynchronize(m_stream), "running kernels");
  }

  void run(const ProductJob& job) override {
    if (job.is_signed) run_product<true>(job);
    else run_product<false>(job);
  }
  void run(const CopyJob& job) override {
    const std::size_t maps = static_cast<std::size_t>(map_words(job.copies)) * sizeof(std::uint32_t);
    if (maps > 48 * 1024) allow_shared(copy_kernel, static_cast<int>(maps));
    launch(copy_kernel, job.rows * (job.pitch / k_chunk), maps, job);
  }
  void run(const PackAllJob& job) override {
    choose();
    pack_kernel<<<static_cast<unsigned>(job.rows), k_threads,
                  2048 + static_cast<std::size_t>(job.most_copies) * 256, m_stream>>>(job);
    check(cudaGetLastError(), "packing weights");
  }
  void run(const BitsJob& job) override {
    launch(bits_kernel,
           static_cast<std::int64_t>(groups_of(job.images)) * job.channels * job.pattern_words * job.pixels,
           static_cast<std::size_t>(job.pattern_words) * 1024, job);
  }
  void run(const ClassJob& job) override {
    launch(class_kernel, static_cast<std::int64_t>(job.out_c) * job.taps * job.in_c, 0, job);
  }
  void run(const CountJob& job) override {
    choose();
    const int lanes = groups_of(job.images) * job.shape.out_h * job.shape.out_w;
    const int outs = k_threads / 32;
    const dim3 blocks(static_cast<unsigned>((lanes + 31) / 32),
                      static_cast<unsigned>((job.shape.out_c + outs - 1) / outs));
    count_kernel<<<blocks, k_threads, 0, m_stream>>>(job, lanes);
    check(cudaGetLastError(), "counting errors");
  }
  void run(const LookUpJob& job) override {
    launch(look_up_kernel, job.images * static_cast<std::int64_t>(job.shape.out_plane()), 0, job);
  }
  void run(const ElementJob& job) override {
    const int table_bytes = job.y == nullptr ? 256 : 65536;
    if (job.table == nullptr) {
      launch(linear_kernel, job.count / 4, 0, job);
      return;
    }
    if (table_bytes > 256) allow_shared(table_kernel, table_bytes);
    launch(table_kernel, job.count / 16, static_cast<std::size_t>(table_bytes), job, table_bytes);
  }
  void run(const GatherJob& job) override { launch(gather_kernel, job.images * job.outputs, 0, job); }
  void run(const PoolJob& job) override {
    launch(pool_kernel, job.images * static_cast<std::int64_t>(job.shape.out_plane()), 0, job);
  }
  void run(const SumJob& job) override { launch(sum_kernel, job.images * job.outputs, 0, job); }

 private:
  void choose() const { check(cudaSetDevice(m_device), "choosing the device"); }

  template <class Kernel>
  static void allow_shared(Kernel kernel, int bytes) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
          "asking for shared memory");
  }

  template <class... Parameters, class... Values>
  void launch(void (*kernel)(Parameters...), std::int64_t items, std::size_t shared,
              const Values&... values) {
    choose();
    const std::int64_t blocks = (items + k_threads - 1) / k_threads;
    const auto count = static_cast<unsigned>(blocks < 1 ? 1 : blocks > m_blocks ? m_blocks : blocks);
    kernel<<<count, k_threads, shared, m_stream>>>(values...);
    check(cudaGetLastError(), "starting a kernel");
  }

  template <bool k_signed>
  void run_product(const ProductJob& job) {
    if (job.out_c <= 16) run_tiles<16, ProductTile<16, 32, 16, k_signed>>(job);
    else if (job.out_c <= 32) run_tiles<32, ProductTile<32, 32, 32, k_signed>>(job);
    else if (job.out_c <= 64) run_tiles<64, ProductTile<64, 64, 32, k_signed>>(job);
    else run_tiles<128, ProductTile<128, 64, 64, k_signed>>(job);
  }

  template <int k_columns, class Tile>
  void run_tiles(const ProductJob& job) {
    choose();
    allow_shared(product_kernel<Tile>, Tile::k_shared_bytes);
    const std::int64_t column_tiles = (job.out_c + k_columns - 1) / k_columns;
    const std::int64_t tiles =
        (static_cast<std::int64_t>(job.rows) + k_tile_rows - 1) / k_tile_rows * column_tiles;
    product_kernel<Tile><<<static_cast<unsigned>(tiles), k_tile_threads, Tile::k_shared_bytes, m_stream>>>(
        job, static_cast<int>(column_tiles), k_columns);
    check(cudaGetLastError(), "starting a product kernel");
  }

  int m_device;
  std::string m_name;
  std::int64_t m_blocks = 0;
  cudaStream_t m_stream{};
};

}  // namespace

std::unique_ptr<TileMachine> open_cuda_machine(std::string& why) {
  int devices = 0;
  const cudaError_t status = cudaGetDeviceCount(&devices);
  if (status != cudaSuccess || devices == 0) {
    why = status == cudaErrorInsufficientDriver || devices == 0 ? "no NVIDIA driver or device was found"
                                                                : cudaGetErrorString(status);
    cudaGetLastError();
    return nullptr;
  }
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, 0), "reading the device's properties");
  if (properties.major < 8) {
    why = std::string(properties.name) + " has compute capability " + std::to_string(properties.major) + "." +
          std::to_string(properties.minor) + "; 8.0 is needed";
    return nullptr;
  }
  return std::make_unique<CudaMachine>(0);
}

}  // namespace qfi::tiles
