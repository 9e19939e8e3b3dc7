// SPDX-License-Identifier: Apache-2.0
// The tile programs on a CUDA device. Sums of products run on the tensor cores (mma.sync, 8-bit integers, from
// compute capability 8.0 on); a tile's operands go through shared memory, some steps ahead.
#include <cuda_runtime.h>

#include "tile_machine.hpp"

namespace qfi::tiles {
namespace {

constexpr int k_threads = 256;
constexpr int k_tile_threads = 128;
constexpr int k_stages = 4;

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();
  throw MachineError(std::string("CUDA: ") + what + ": " + cudaGetErrorString(status));
}

__device__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

// 16 bytes, zeros where `is_there` is false.
__device__ void load_inputs(std::uint32_t to, const void* from, bool is_there) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(is_there ? 16 : 0));
}
__device__ void load_weights(std::uint32_t to, const void* from, bool is_there) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(is_there ? 16 : 0));
}
__device__ void end_group() { asm volatile("cp.async.commit_group;"); }
template <int k_left>
__device__ void wait_for_groups() {
  asm volatile("cp.async.wait_group %0;" ::"n"(k_left));
}

__device__ void load_matrices(std::uint32_t (&to)[4], std::uint32_t from) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(from));
}

template <bool k_signed>
__device__ void multiply_add(int (&sums)[4], const std::uint32_t (&inputs)[4], std::uint32_t low,
                             std::uint32_t high) {
  if constexpr (k_signed)
    asm volatile(
        "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])
        : "r"(inputs[0]), "r"(inputs[1]), "r"(inputs[2]), "r"(inputs[3]), "r"(low), "r"(high));
  else
    asm volatile(
        "mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])
        : "r"(inputs[0]), "r"(inputs[1]), "r"(inputs[2]), "r"(inputs[3]), "r"(low), "r"(high));
}

// Where a chunk of a tile's row lies in shared memory: so that eight rows at once meet no bank twice.
__device__ int chunk_place(int row, int chunk) { return row * k_step + ((chunk ^ (row >> 1 & 3)) * k_chunk); }

// A tile of k_tile_rows rows and k_columns columns; a warp has k_warp_rows and k_warp_columns of them.
template <int k_columns, int k_warp_rows, int k_warp_columns, bool k_signed>
struct ProductTile {
  static constexpr int k_stage_bytes = (k_tile_rows + k_columns) * k_step;
  static constexpr int k_sum_pitch = k_columns + 8;  // so that no bank is met twice
  static constexpr int k_sum_bytes = k_tile_rows * k_sum_pitch * static_cast<int>(sizeof(std::int32_t));
  static constexpr int k_shared_bytes = k_sum_bytes > k_stages * k_stage_bytes ? k_sum_bytes : k_stages * k_stage_bytes;
  static constexpr int k_row_loads = k_tile_rows * k_step_chunks / k_tile_threads;
  static constexpr int k_row_pieces = k_warp_rows / 16;
  static constexpr int k_column_pieces = k_warp_columns / 8;
  static_assert(k_tile_rows / k_warp_rows * (k_columns / k_warp_columns) == k_tile_threads / 32);

  const ProductJob& job;
  std::uint8_t* shared;
  int first_row;
  int first_column;
  RowPlace rows[k_row_loads];
  int sums[k_row_pieces][k_column_pieces][4] = {};

  __device__ ProductTile(const ProductJob& the_job, std::uint8_t* memory, int row, int column)
      : job(the_job), shared(memory), first_row(row), first_column(column) {
    for (int i = 0; i < k_row_loads; ++i) {
      const int at = first_row + static_cast<int>(threadIdx.x) / k_step_chunks + i * (k_tile_threads / k_step_chunks);
      if (at < job.rows) rows[i] = row_place(job, at);
      else rows[i].y = -(1 << 20);
    }
  }

  __device__ void load(int stage, int term, int step) {
    const int column = static_cast<int>(threadIdx.x) % k_step_chunks;
    const int row = static_cast<int>(threadIdx.x) / k_step_chunks;
    const int chunk = step * k_step_chunks + column;
    const std::uint32_t to = shared_address(shared + stage * k_stage_bytes);
    const bool has = chunk < job.chunks;
    const ChunkPlace place = has ? job.places[chunk] : ChunkPlace{};
    const std::uint8_t* input = job.term[term].input;
#pragma unroll
    for (int i = 0; i < k_row_loads; ++i) {
      const bool is_there = has && has_chunk(job, rows[i], place);
      load_inputs(to + chunk_place(row + i * (k_tile_threads / k_step_chunks), column),
                  is_there ? input + rows[i].base + place.offset : input, is_there);
    }
    const std::int8_t* weights = job.term[term].weights;
    const std::int64_t row_bytes = static_cast<std::int64_t>(job.steps) * k_step;
#pragma unroll
    for (int i = 0; i < (k_columns + 31) / 32; ++i) {
      const int out = row + i * (k_tile_threads / k_step_chunks);
      if (k_columns % 32 != 0 && out >= k_columns) break;
      const bool is_there = first_column + out < job.out_c;
      load_weights(to + k_tile_rows * k_step + chunk_place(out, column),
                   is_there ? weights + (first_column + out) * row_bytes + step * k_step + column * k_chunk : weights,
                   is_there);
    }
  }

  __device__ int warp_row() const {
    return static_cast<int>(threadIdx.x) / 32 / (k_columns / k_warp_columns) * k_warp_rows;
  }
  __device__ int warp_column() const {
    return static_cast<int>(threadIdx.x) / 32 % (k_columns / k_warp_columns) * k_warp_columns;
  }

  __device__ void multiply(int stage, int step) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const std::uint32_t inputs = shared_address(shared + stage * k_stage_bytes);
    const std::uint32_t weights = inputs + k_tile_rows * k_step;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      if (step * k_step_chunks + half * 2 >= job.chunks) break;
      std::uint32_t b[k_column_pieces / 2][4];
#pragma unroll
      for (int n = 0; n < k_column_pieces / 2; ++n)
        load_matrices(b[n], weights + chunk_place(warp_column() + n * 16 + (lane >> 4) * 8 + (lane & 7),
                                                  half * 2 + (lane >> 3 & 1)));
#pragma unroll
      for (int m = 0; m < k_row_pieces; ++m) {
        std::uint32_t a[4];
        load_matrices(a, inputs + chunk_place(warp_row() + m * 16 + (lane & 15), half * 2 + (lane >> 4)));
#pragma unroll
        for (int n = 0; n < k_column_pieces; ++n)
          multiply_add<k_signed>(sums[m][n], a, b[n / 2][n % 2 * 2], b[n / 2][n % 2 * 2 + 1]);
      }
    }
  }

  __device__ void scale(std::int32_t factor) {
    if (factor == 1) return;
#pragma unroll
    for (int m = 0; m < k_row_pieces; ++m)
#pragma unroll
      for (int n = 0; n < k_column_pieces; ++n)
#pragma unroll
        for (int& sum : sums[m][n]) sum = scaled_sum(sum, factor);
  }

  // Sums go through shared memory: each thread then finishes four channels, the same ones of some rows.
  __device__ void put_sums(std::int32_t* to) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int m = 0; m < k_row_pieces; ++m)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const int row = warp_row() + m * 16 + h * 8 + lane / 4;
#pragma unroll
        for (int n = 0; n < k_column_pieces; ++n) {
          const int column = warp_column() + n * 8 + lane % 4 * 2;
          int2 pair = make_int2(sums[m][n][h * 2], sums[m][n][h * 2 + 1]);
          if (job.counted != nullptr && first_row + row < job.rows) {
            if (first_column + column < job.out_c)
              pair.x = wrapping_add(pair.x, counted_at(job, first_row + row, first_column + column));
            if (first_column + column + 1 < job.out_c)
              pair.y = wrapping_add(pair.y, counted_at(job, first_row + row, first_column + column + 1));
          }
          *reinterpret_cast<int2*>(to + row * k_sum_pitch + column) = pair;
        }
      }
  }

  __device__ void store(int* row_bias) {
    for (int r = static_cast<int>(threadIdx.x); r < k_tile_rows; r += k_tile_threads)
      row_bias[r] = first_row + r < job.rows ? row_place(job, first_row + r).bias : 0;
    auto* const all = reinterpret_cast<std::int32_t*>(shared);
    put_sums(all);
    __syncthreads();
    constexpr int k_quads = k_columns / 4;
    const int column = static_cast<int>(threadIdx.x) % k_quads * 4;
    const int out = first_column + column;
    const int here = smaller(4, job.out_c - out);
    if (here <= 0) return;
    ChannelFinish channels[4];
#pragma unroll
    for (int k = 0; k < 4; ++k)
      if (k < here) channels[k] = channel_finish(job.finish, out + k);
    const int rows_here = smaller(k_tile_rows, job.rows - first_row);
    for (int row = static_cast<int>(threadIdx.x) / k_quads; row < rows_here; row += k_tile_threads / k_quads) {
      const int4 quad = *reinterpret_cast<const int4*>(all + row * k_sum_pitch + column);
      const std::int32_t four[4] = {quad.x, quad.y, quad.z, quad.w};
      const std::int32_t* bias = job.bias + row_bias[row] + out;
      std::uint32_t bytes = 0;
#pragma unroll
      for (int k = 0; k < 4; ++k)
        if (k < here)
          bytes |= static_cast<std::uint32_t>(finish_output(job.finish, channels[k], wrapping_add(four[k], bias[k]))) << (8 * k);
      std::uint8_t* const to = job.output + static_cast<std::int64_t>(first_row + row) * job.out_c + out;
      if (job.out_c % 4 == 0) {
        *reinterpret_cast<std::uint32_t*>(to) = bytes;
      } else {
        for (int k = 0; k < here; ++k) to[k] = static_cast<std::uint8_t>(bytes >> (8 * k));
      }
    }
  }

  __device__ void run(int* row_bias) {
    const int total = job.terms * job.steps;
    int load_term = 0, load_step = 0;
    const auto load_next = [&](int stage) {
      if (load_term < job.terms) {
        load(stage, load_term, load_step);
        if (++load_step == job.steps) {
          load_step = 0;
          ++load_term;
        }
      }
      end_group();
    };
    for (int stage = 0; stage < k_stages - 1; ++stage) load_next(stage);
    int term = 0, step = 0;
    for (int i = 0; i < total; ++i) {
      wait_for_groups<k_stages - 2>();
      __syncthreads();
      load_next((i + k_stages - 1) % k_stages);
      if (step == 0) scale(job.term[term].scale);
      multiply(i % k_stages, step);
      if (++step == job.steps) {
        step = 0;
        ++term;
      }
    }
    scale(job.last_scale);
    wait_for_groups<0>();
    __syncthreads();
    store(row_bias);
  }
};

template <class Tile>
__global__ void __launch_bounds__(k_tile_threads) product_kernel(const __grid_constant__ ProductJob job, int column_tiles,
                                                                 int columns) {
  extern __shared__ __align__(128) std::uint8_t shared[];
  __shared__ int row_bias[k_tile_rows];
  Tile tile(job, shared, static_cast<int>(blockIdx.x / column_tiles) * k_tile_rows,
            static_cast<int>(blockIdx.x % column_tiles) * columns);
  tile.run(row_bias);
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

// A block packs one output channel; each warp sums some of its taps.
__global__ void pack_kernel(const __grid_constant__ PackAllJob all) {
  extern __shared__ __align__(16) std::uint8_t memory[];
  __shared__ PackJob job;
  if (threadIdx.x == 0) {
    int first = 0, end = all.count;
    while (end - first > 1) {
      const int middle = (first + end) / 2;
      if (all.jobs[middle].first_row <= static_cast<int>(blockIdx.x)) first = middle;
      else end = middle;
    }
    job = all.jobs[first];
  }
  __syncthreads();
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
          mapped |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(maps[copy * 256 + weights[k]])) << (8 * k);
      reinterpret_cast<std::uint32_t*>(job.to + (static_cast<std::int64_t>(copy) * job.out_c + out) * job.row_bytes)[word] =
          mapped;
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
  const std::int64_t all = static_cast<std::int64_t>(groups_of(job.images)) * job.channels * job.pattern_words * job.pixels;
  for (std::int64_t i = thread_number(); i < all; i += threads()) {
    // Pixels run fastest, channels next, so that bytes of a pixel are read by neighbouring warps.
    const int pixel = static_cast<int>(i % job.pixels);
    std::int64_t rest = i / job.pixels;
    const int channel = static_cast<int>(rest % job.channels);
    rest /= job.channels;
    make_words(job, patterns, rest / job.pattern_words, channel, static_cast<int>(rest % job.pattern_words), pixel);
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
    output[i] = make_uchar4(output_of(a.x, b.x), output_of(a.y, b.y), output_of(a.z, b.z), output_of(a.w, b.w));
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
    const std::int64_t image = job.outputs <= 0x7FFFFFFF ? quotient(i, static_cast<int>(job.outputs)) : i / job.outputs;
    const std::int64_t source = job.sources[i - image * job.outputs];
    const std::uint8_t* from = gathered(job, image, source);
    const auto constant = static_cast<std::uint8_t>(-1 - source);
    if (job.unit == 1) {
      job.output[i] = from == nullptr ? constant : *from;
    } else {
      const std::uint32_t filled = constant * 0x01010101U;
      reinterpret_cast<uint4*>(job.output)[i] =
          from == nullptr ? make_uint4(filled, filled, filled, filled) : *reinterpret_cast<const uint4*>(from);
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
      throw MachineError("CUDA: " + std::to_string(bytes >> 20) + " MiB more do not fit into the device's memory; give "
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
    pack_kernel<<<static_cast<unsigned>(job.rows), k_threads, 2048 + static_cast<std::size_t>(job.most_copies) * 256,
                  m_stream>>>(job);
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
    const dim3 blocks(static_cast<unsigned>((lanes + 31) / 32), static_cast<unsigned>((job.shape.out_c + outs - 1) / outs));
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
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes), "asking for shared memory");
  }

  template <class... Parameters, class... Values>
  void launch(void (*kernel)(Parameters...), std::int64_t items, std::size_t shared, const Values&... values) {
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
    const std::int64_t tiles = (static_cast<std::int64_t>(job.rows) + k_tile_rows - 1) / k_tile_rows * column_tiles;
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
