// A stage of H-Net: encoder (a short convolution), routing, a main network on the
// rows where chunks begin (their number is known only when it runs), smoothing,
// and each chunk's row for all its tokens. All states are inputs and outputs, so
// the same code is prefill and step. Rows of a batch have numbers of chunks of
// their own; what compact puts beyond them, zeros, changes no state of the main
// network, and the smoothed row that stays is the last one that expand used.
// RUN: %python %S/hnet.py %s
#t = affine_map<(b, l, d) -> (b, l, d)>
!x = tensor<?x?x6xf32>
!h = tensor<?x?x1x6xf32>
!k = tensor<?x?x1x3xf32>
!g = tensor<?x?x1xf32>
!p = tensor<?x?xf32>
!m = tensor<?x?xi1>
module {
  // x[b, l] times a matrix.
  func.func private @project(%x: !x, %w: tensor<6x6xf32>) -> !x {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %zero = arith.constant 0.0 : f32
    %B = tensor.dim %x, %c0 : !x
    %L = tensor.dim %x, %c1 : !x
    %e = tensor.empty(%B, %L) : !x
    %f = linalg.fill ins(%zero : f32) outs(%e : !x) -> !x
    %y = linalg.generic {indexing_maps = [affine_map<(b, l, o, i) -> (b, l, i)>, affine_map<(b, l, o, i) -> (i, o)>, affine_map<(b, l, o, i) -> (b, l, o)>],
        iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%x, %w : !x, tensor<6x6xf32>) outs(%f : !x) {
      ^bb0(%a: f32, %b: f32, %s: f32):
        %p = arith.mulf %a, %b : f32
        %q = arith.addf %s, %p : f32
        linalg.yield %q : f32
    } -> !x
    return %y : !x
  }
  func.func private @project_keys(%x: !x, %w: tensor<6x3xf32>) -> !k {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %zero = arith.constant 0.0 : f32
    %B = tensor.dim %x, %c0 : !x
    %L = tensor.dim %x, %c1 : !x
    %e = tensor.empty(%B, %L) : !k
    %f = linalg.fill ins(%zero : f32) outs(%e : !k) -> !k
    %y = linalg.generic {indexing_maps = [affine_map<(b, l, h, o, i) -> (b, l, i)>, affine_map<(b, l, h, o, i) -> (i, o)>, affine_map<(b, l, h, o, i) -> (b, l, h, o)>],
        iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%x, %w : !x, tensor<6x3xf32>) outs(%f : !k) {
      ^bb0(%a: f32, %b: f32, %s: f32):
        %p = arith.mulf %a, %b : f32
        %q = arith.addf %s, %p : f32
        linalg.yield %q : f32
    } -> !k
    return %y : !k
  }

  func.func @forward(%x: tensor<?x?x6xf32>,
      %w: tensor<6x3xf32>,
      %wq: tensor<6x6xf32>,
      %wk: tensor<6x6xf32>,
      %wr: tensor<6x6xf32>,
      %main_q: tensor<6x3xf32>,
      %main_k: tensor<6x3xf32>,
      %main_g: tensor<6xf32>,
      %tail: tensor<?x2x6xf32>,
      %last: tensor<?x6xf32>,
      %seen: tensor<?xi1>,
      %memory: tensor<?x1x3x6xf32>,
      %row: tensor<?x6xf32>) -> (tensor<?x?x6xf32>, tensor<?xi64>, tensor<?x2x6xf32>, tensor<?x6xf32>, tensor<?xi1>, tensor<?x1x3x6xf32>, tensor<?x6xf32>)
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [
          {name = "x", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 6)>},
          {name = "w", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6, 3)>},
          {name = "wq", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6, 6)>},
          {name = "wk", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6, 6)>},
          {name = "wr", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6, 6)>},
          {name = "main_q", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6, 3)>},
          {name = "main_k", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6, 3)>},
          {name = "main_g", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6)>},
          {name = "tail", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, 2, 6)>},
          {name = "last", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, 6)>},
          {name = "seen", dtype = 9 : i64, dims = affine_map<()[s0, s1] -> (s0)>},
          {name = "memory", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, 1, 3, 6)>},
          {name = "row", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, 6)>}],
        outputs = [
          {name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 6)>},
          {name = "count", dtype = 7 : i64, dims = affine_map<()[s0, s1] -> (s0)>},
          {name = "tail_out", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, 2, 6)>},
          {name = "last_out", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, 6)>},
          {name = "seen_out", dtype = 9 : i64, dims = affine_map<()[s0, s1] -> (s0)>},
          {name = "memory_out", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, 1, 3, 6)>},
          {name = "row_out", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, 6)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %half = arith.constant 0.5 : f32
    %least = arith.constant 1.0e-4 : f32
    %most = arith.constant 0.9999 : f32
    %none = arith.constant 0 : i64
    %x0 = tensor.empty(%B, %L) : !x
    %p0 = tensor.empty(%B, %L) : !p
    %m0 = tensor.empty(%B, %L) : !m
    %n0 = tensor.empty(%B) : tensor<?xi64>

    // Encoder, and what goes around the main network.
    %code, %tail_out = ssm.short_conv activation(silu) ins(%x, %w : !x, tensor<6x3xf32>)
        outs(%x0, %tail : !x, tensor<?x2x6xf32>) -> !x, tensor<?x2x6xf32>
    %residual = func.call @project(%code, %wr) : (!x, tensor<6x6xf32>) -> !x

    // Where chunks begin, and their rows and probabilities.
    %q = func.call @project(%code, %wq) : (!x, tensor<6x6xf32>) -> !x
    %k = func.call @project(%code, %wk) : (!x, tensor<6x6xf32>) -> !x
    %p, %last_out, %seen_out = ssm.route ins(%q, %k : !x, !x)
        outs(%p0, %last, %seen : !p, tensor<?x6xf32>, tensor<?xi1>) -> !p, tensor<?x6xf32>, tensor<?xi1>
    %mask = linalg.generic {indexing_maps = [affine_map<(b, l) -> (b, l)>, affine_map<(b, l) -> (b, l)>], iterator_types = ["parallel", "parallel"]}
        ins(%p : !p) outs(%m0 : !m) {
      ^bb0(%a: f32, %o: i1):
        %r = arith.cmpf ogt, %a, %half : f32
        linalg.yield %r : i1
    } -> !m
    %rows, %count = ssm.compact ins(%code, %mask : !x, !m) outs(%x0, %n0 : !x, tensor<?xi64>) -> !x, tensor<?xi64>
    %p1 = tensor.expand_shape %p [[0], [1, 2]] output_shape [%B, %L, 1] : !p into !g
    %g0 = tensor.empty(%B, %L) : !g
    %p2, %count2 = ssm.compact ins(%p1, %mask : !g, !m) outs(%g0, %n0 : !g, tensor<?xi64>) -> !g, tensor<?xi64>

    // The main network runs on as many rows as there are.
    %e = tensor.empty() : tensor<i64>
    %e0 = linalg.fill ins(%none : i64) outs(%e : tensor<i64>) -> tensor<i64>
    %largest = linalg.reduce ins(%count : tensor<?xi64>) outs(%e0 : tensor<i64>) dimensions = [0]
      (%a: i64, %b: i64) {
        %r = arith.maxsi %a, %b : i64
        linalg.yield %r : i64
      }
    %n64 = tensor.extract %largest[] : tensor<i64>
    %n = arith.index_cast %n64 : i64 to index
    %z = tensor.extract_slice %rows[0, 0, 0] [%B, %n, 6] [1, 1, 1] : !x to !x
    %pz = tensor.extract_slice %p2[0, 0, 0] [%B, %n, 1] [1, 1, 1] : !g to !g
    %mq = func.call @project_keys(%z, %main_q) : (!x, tensor<6x3xf32>) -> !k
    %mk = func.call @project_keys(%z, %main_k) : (!x, tensor<6x3xf32>) -> !k
    %h0 = tensor.empty(%B, %n) : !h
    %v = tensor.expand_shape %z [[0], [1], [2, 3]] output_shape [%B, %n, 1, 6] : !x into !h
    %gz0 = tensor.empty(%B, %n) : !g
    %gf = linalg.fill ins(%zero : f32) outs(%gz0 : !g) -> !g
    %gs = linalg.generic {indexing_maps = [affine_map<(b, l, h, d) -> (b, l, d)>, affine_map<(b, l, h, d) -> (d)>, affine_map<(b, l, h, d) -> (b, l, h)>],
        iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%z, %main_g : !x, tensor<6xf32>) outs(%gf : !g) {
      ^bb0(%a: f32, %b: f32, %s: f32):
        %r = arith.mulf %a, %b : f32
        %t = arith.addf %s, %r : f32
        linalg.yield %t : f32
    } -> !g
    %decay = linalg.generic {indexing_maps = [#t, #t], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%gs : !g) outs(%gz0 : !g) {
      ^bb0(%a: f32, %o: f32):
        %sq = arith.mulf %a, %a : f32
        %r = arith.negf %sq : f32
        linalg.yield %r : f32
    } -> !g
    %mixed, %memory_out = ssm.semiseparable ins(%mq, %mk, %v : !k, !k, !h) decay(%decay : !g)
        outs(%h0, %memory : !h, tensor<?x1x3x6xf32>) -> !h, tensor<?x1x3x6xf32>

    // Smoothing, z[i] = P y[i] + (1 - P) z[i-1], and back to the tokens.
    %xz0 = tensor.empty(%B, %n) : !x
    %keep, %take = linalg.generic {indexing_maps = [affine_map<(b, l, d) -> (b, l, 0, d)>, affine_map<(b, l, d) -> (b, l, 0)>, #t, #t],
        iterator_types = ["parallel", "parallel", "parallel"]} ins(%mixed, %pz : !h, !g) outs(%xz0, %xz0 : !x, !x) {
      ^bb0(%a: f32, %pr: f32, %o: f32, %u: f32):
        %above = arith.maximumf %pr, %least : f32
        %P = arith.minimumf %above, %most : f32
        %rest = arith.subf %one, %P : f32
        %part = arith.mulf %P, %a : f32
        linalg.yield %rest, %part : f32, f32
    } -> (!x, !x)
    %smooth, %end = ssm.scan dimension(1) ins(%keep, %take : !x, !x) outs(%xz0, %row : !x, tensor<?x6xf32>) -> !x, tensor<?x6xf32>
    %wide, %row_out = ssm.expand ins(%smooth, %mask : !x, !m) outs(%x0, %row : !x, tensor<?x6xf32>) -> !x, tensor<?x6xf32>
    %y = linalg.generic {indexing_maps = [#t, #t, #t], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%wide, %residual : !x, !x) outs(%x0 : !x) {
      ^bb0(%a: f32, %b: f32, %o: f32):
        %r = arith.addf %a, %b : f32
        linalg.yield %r : f32
    } -> !x
    return %y, %count, %tail_out, %last_out, %seen_out, %memory_out, %row_out : tensor<?x?x6xf32>, tensor<?xi64>, tensor<?x2x6xf32>, tensor<?x6xf32>, tensor<?xi1>, tensor<?x1x3x6xf32>, tensor<?x6xf32>
  }
}
