// SPDX-License-Identifier: Apache-2.0
// A tile of a ProductJob on the tensor cores (mma.sync, 8-bit integers): its operands go through shared
// memory, some steps ahead.
#pragma once

#include "product_job.hpp"

namespace qfi::tiles {
namespace {

constexpr int k_tile_threads = 128;
constexpr int k_stages = 4;

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

// A chunk of a tile's row lies in shared memory so that eight rows at once meet no bank twice.
__device__ int chunk_place(int row, int chunk) { return row * k_step + ((chunk ^ (row >> 1 & 3)) * k_chunk); }

// A tile of k_tile_rows rows and k_columns columns; a warp has k_warp_rows and k_warp_columns of them.
template <int k_columns, int k_warp_rows, int k_warp_columns, bool k_signed>
struct ProductTile {
  static constexpr int k_stage_bytes = (k_tile_rows + k_columns) * k_step;
  static constexpr int k_sum_pitch = k_columns + 8;  // so that no bank is met twice
  static constexpr int k_sum_bytes = k_tile_rows * k_sum_pitch * static_cast<int>(sizeof(std::int32_t));
  static constexpr int k_shared_bytes =
      k_sum_bytes > k_stages* k_stage_bytes ? k_sum_bytes : k_stages* k_stage_bytes;
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
      const int at =
          first_row + static_cast<int>(threadIdx.x) / k_step_chunks + i * (k_tile_threads / k_step_chunks);
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
      load_weights(
          to + k_tile_rows * k_step + chunk_place(out, column),
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
    for (int row = static_cast<int>(threadIdx.x) / k_quads; row < rows_here;
         row += k_tile_threads / k_quads) {
      const int4 quad = *reinterpret_cast<const int4*>(all + row * k_sum_pitch + column);
      const std::int32_t four[4] = {quad.x, quad.y, quad.z, quad.w};
      const std::int32_t* bias = job.bias + row_bias[row] + out;
      std::uint32_t bytes = 0;
#pragma unroll
      for (int k = 0; k < 4; ++k)
        if (k < here)
          bytes |= static_cast<std::uint32_t>(
                       finish_output(job.finish, channels[k], wrapping_add(four[k], bias[k])))
                   << (8 * k);
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
__global__ void __launch_bounds__(k_tile_threads)
    product_kernel(const __grid_constant__ ProductJob job, int column_tiles, int columns) {
  extern __shared__ __align__(128) std::uint8_t shared[];
  __shared__ int row_bias[k_tile_rows];
  Tile tile(job, shared, static_cast<int>(blockIdx.x / column_tiles) * k_tile_rows,
            static_cast<int>(blockIdx.x % column_tiles) * columns);
  tile.run(row_bias);
}

}  // namespace
}  // namespace qfi::tiles
