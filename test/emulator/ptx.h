/*===- ptx.h - instructions of PTX -----------------------------------------===*
 *
 * An instruction a.b.c is a function or macro a_b_c of its operands, which are
 * bits; what is not here is a compiler's error at a line of the PTX. Loads and
 * stores are made by translate.py.
 *===----------------------------------------------------------------------===*/

#ifndef SSMC_EMULATOR_PTX_H
#define SSMC_EMULATOR_PTX_H

#include "device.h"
#include "floats.h"
#include "integers.h"

/* Tables of macros: clang-format off */

/*===- Addresses and registers that are there ------------------------------===*/

#define cvta_to_global_u64(a) (a)
#define cvta_global_u64(a) (a)
#define cvta_param_u64(a) (a)
#define cvta_local_u64(a) (a)
#define cvta_to_local_u64(a) (a)
#define cvta_shared_u64(a) ((a) + SHARED_WINDOW)
#define cvta_to_shared_u64(a) ((a) - SHARED_WINDOW)
#define sreg_tid_x self->tid[0]
#define sreg_tid_y self->tid[1]
#define sreg_tid_z self->tid[2]
#define sreg_ntid_x block_size[0]
#define sreg_ntid_y block_size[1]
#define sreg_ntid_z block_size[2]
#define sreg_ctaid_x here->id[0]
#define sreg_ctaid_y here->id[1]
#define sreg_ctaid_z here->id[2]
#define sreg_nctaid_x grid_size[0]
#define sreg_nctaid_y grid_size[1]
#define sreg_nctaid_z grid_size[2]
#define sreg_laneid (self->number % kWarp)

/*===- Threads together ----------------------------------------------------===*/

#define LAST_OR_ALL(id, threads, ...) id, threads
#define bar_sync(...) bar_sync_of(LAST_OR_ALL(__VA_ARGS__, 0, 0))
#define bar_sync_of(...) bar_sync_two(__VA_ARGS__)
#define bar_sync_two(id, threads) barrier(id, threads, 1, __LINE__)
#define barrier_sync bar_sync
#define barrier_sync_aligned bar_sync
#define bar_arrive(id, threads) barrier(id, threads, 0, __LINE__)
#define barrier_arrive bar_arrive
#define bar_warp_sync(mask) sync_warp(mask, __LINE__)
#define shfl_sync_bfly_b32(a, by, clamp, mask) shuffle('b', a, by, clamp, mask, __LINE__)
#define shfl_sync_idx_b32(a, by, clamp, mask) shuffle('i', a, by, clamp, mask, __LINE__)
#define shfl_sync_up_b32(a, by, clamp, mask) shuffle('u', a, by, clamp, mask, __LINE__)
#define shfl_sync_down_b32(a, by, clamp, mask) shuffle('d', a, by, clamp, mask, __LINE__)
#define vote_sync_ballot_b32(p, mask) vote(mask, p, __LINE__)
#define vote_sync_any_pred(p, mask) (vote(mask, p, __LINE__) != 0)
#define ldmatrix_sync_aligned_m8n8_x4_shared_b16(v, at) load_matrices(v, 4, 0, at, __LINE__)
#define ldmatrix_sync_aligned_m8n8_x4_trans_shared_b16(v, at) load_matrices(v, 4, 1, at, __LINE__)
#define ldmatrix_sync_aligned_m8n8_x2_shared_b16(v, at) load_matrices(v, 2, 0, at, __LINE__)
#define ldmatrix_sync_aligned_m8n8_x2_trans_shared_b16(v, at) load_matrices(v, 2, 1, at, __LINE__)
#define stmatrix_sync_aligned_m8n8_x4_shared_b16(at, v) store_matrices(v, 4, 0, at, __LINE__)
#define stmatrix_sync_aligned_m8n8_x4_trans_shared_b16(at, v) store_matrices(v, 4, 1, at, __LINE__)
#define mma_sync_aligned_m16n8k16_row_col_f32_bf16_bf16_f32(d, a, b, c) multiply_warp(d, a, b, c, 1, __LINE__)
#define mma_sync_aligned_m16n8k16_row_col_f32_f16_f16_f32(d, a, b, c) multiply_warp(d, a, b, c, 0, __LINE__)

/*===- Order ---------------------------------------------------------------===*/

#define nothing ((void)0)
#define fence_acq_rel_gpu() nothing
#define fence_acq_rel_sys() nothing
#define fence_sc_gpu() nothing
#define membar_gl() nothing
#define membar_cta() nothing
#define fence_proxy_async_shared__cta() nothing
#define fence_proxy_async() nothing
#define fence_mbarrier_init_release_cluster() nothing
#define wgmma_fence_sync_aligned() nothing
#define wgmma_commit_group_sync_aligned() nothing
#define wgmma_wait_group_sync_aligned(pending) nothing
#define setmaxnreg_dec_sync_aligned_u32(count) nothing
#define setmaxnreg_inc_sync_aligned_u32(count) nothing
#define nanosleep_u32(time) poll_later()
/* Others may have changed what is read now. */
#define wait_for_others() poll_later()

#define ATOMIC(name, T, e)                                                     \
  OP T atom_global_##name(uint64_t at, T x, int line) {                        \
    T *place = global_at(at, sizeof(T), line), old = *place;                   \
    *place = e;                                                                \
    return old;                                                                \
  }
ATOMIC(add_u32, uint32_t, old + x)
ATOMIC(add_u64, uint64_t, old + x)
ATOMIC(add_f32, uint32_t, add_f32(old, x))
ATOMIC(exch_b32, uint32_t, x)
#define atom_global_add_u32(at, x) atom_global_add_u32(at, x, __LINE__)
#define atom_global_add_u64(at, x) atom_global_add_u64(at, x, __LINE__)
#define atom_global_add_f32(at, x) atom_global_add_f32(at, x, __LINE__)
#define atom_global_exch_b32(at, x) atom_global_exch_b32(at, x, __LINE__)
#define red_global_add_u32(at, x) ((void)atom_global_add_u32(at, x))
#define red_global_add_f32(at, x) ((void)atom_global_add_f32(at, x))
#define SWAP(T, B)                                                             \
  OP T atom_global_cas_##B(uint64_t at, T is, T x, int line) {                 \
    T *place = global_at(at, sizeof(T), line), old = *place;                   \
    if (old == is)                                                             \
      *place = x;                                                              \
    return old;                                                                \
  }
SWAP(uint32_t, b32) SWAP(uint64_t, b64)
#define atom_global_cas_b32(at, is, x) atom_global_cas_b32(at, is, x, __LINE__)
#define atom_global_cas_b64(at, is, x) atom_global_cas_b64(at, is, x, __LINE__)

/*===- Copies --------------------------------------------------------------===*/

#define BYTES_OF(bytes, valid, ...) bytes, valid
#define cp_async_any(to, from, ...) cp_async_both(to, from, BYTES_OF(__VA_ARGS__, FIRST(__VA_ARGS__, 0), 0))
#define FIRST(first, ...) first
#define cp_async_both(...) cp_async_four(__VA_ARGS__)
#define cp_async_four(to, from, bytes, valid) begin_copy(to, from, bytes, valid, __LINE__)
#define cp_async_cg_shared_global cp_async_any
#define cp_async_ca_shared_global cp_async_any
#define cp_async_commit_group() commit_copies(0)
#define cp_async_wait_group(pending) wait_copies(pending, 0, __LINE__)
#define cp_async_wait_all() wait_copies(0, (commit_copies(0), 0), __LINE__)
#define cp_async_bulk_commit_group() commit_copies(1)
#define cp_async_bulk_wait_group(pending) wait_copies(pending, 1, __LINE__)
#define cp_async_bulk_wait_group_read(pending) wait_copies(pending, 1, __LINE__)

#define mbarrier_init_shared_b64(at, count) init_mbarrier(at, count, __LINE__)
#define mbarrier_arrive_shared_b64(at) arrive_mbarrier(at, 0, __LINE__)
#define mbarrier_arrive_expect_tx_shared_b64(at, bytes) arrive_mbarrier(at, bytes, __LINE__)
#define mbarrier_try_wait_parity_shared_b64(at, parity, ...) wait_mbarrier(at, parity, __LINE__)

#define TILE_IN(rank, to, map, at, mbarrier) tile_in(to, map, (const int32_t *)(at), rank, mbarrier, __LINE__)
#define TILE_OUT(rank, map, at, from, adds) tile_out(map, (const int32_t *)(at), rank, from, adds, __LINE__)
#define cp_async_bulk_tensor_3d_shared__cta_global_tile_mbarrier__complete_tx__bytes(t, m, a, b) TILE_IN(3, t, m, a, b)
#define cp_async_bulk_tensor_4d_shared__cta_global_tile_mbarrier__complete_tx__bytes(t, m, a, b) TILE_IN(4, t, m, a, b)
#define cp_async_bulk_tensor_3d_global_shared__cta_tile_bulk_group(m, a, f) TILE_OUT(3, m, a, f, 0)
#define cp_async_bulk_tensor_4d_global_shared__cta_tile_bulk_group(m, a, f) TILE_OUT(4, m, a, f, 0)
#define cp_reduce_async_bulk_tensor_3d_global_shared__cta_add_tile_bulk_group(m, a, f) TILE_OUT(3, m, a, f, 1)
#define cp_reduce_async_bulk_tensor_4d_global_shared__cta_add_tile_bulk_group(m, a, f) TILE_OUT(4, m, a, f, 1)

#endif /* SSMC_EMULATOR_PTX_H */
