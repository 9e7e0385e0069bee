// RUN: ssm-opt %s -ssm-materialize -canonicalize -cse | FileCheck %s

// v becomes the identity and the state zero: a matrix for each head. What the
// state gives is added; the op itself stays for its state alone.
// CHECK-LABEL: func @heads
// CHECK-SAME: (%[[Q:.*]]: tensor<1x7x2x4xf32>, %[[V:.*]]: tensor<1x7x2x3xf32>, %[[S:.*]]: tensor<1x2x4x3xf32>)
func.func @heads(%q: tensor<1x7x2x4xf32>, %v: tensor<1x7x2x3xf32>, %s: tensor<1x2x4x3xf32>) -> (tensor<1x7x2x3xf32>, tensor<1x2x4x3xf32>) {
  // CHECK-DAG: %[[C:.*]]:2 = ssm.semiseparable ins(%[[Q]], %[[Q]], %{{.*}} : {{.*}}) outs(%{{.*}}, %[[S]] : {{.*}})
  // CHECK-DAG: %[[M:.*]]:2 = ssm.semiseparable ins(%[[Q]], %[[Q]], %{{.*}} : {{.*}}tensor<1x7x2x7xf32>) outs(%{{.*}}, %{{.*}} : tensor<1x7x2x7xf32>, tensor<1x2x4x7xf32>)
  // CHECK: %[[Y:.*]] = linalg.generic {{.*}} ins(%[[M]]#0, %[[V]] : {{.*}}) outs(%[[C]]#0 : {{.*}})
  // CHECK: %[[LAST:.*]]:2 = ssm.semiseparable ins(%[[Q]], %[[Q]], %[[V]] : {{.*}}) outs(%{{.*}}, %[[S]] : {{.*}})
  // CHECK: return %[[Y]], %[[LAST]]#1
  %y, %last = ssm.semiseparable ins(%q, %q, %v : tensor<1x7x2x4xf32>, tensor<1x7x2x4xf32>, tensor<1x7x2x3xf32>)
    outs(%v, %s : tensor<1x7x2x3xf32>, tensor<1x2x4x3xf32>) -> tensor<1x7x2x3xf32>, tensor<1x2x4x3xf32>
  return %y, %last : tensor<1x7x2x3xf32>, tensor<1x2x4x3xf32>
}

// Each channel has its own, a column of the identity in front.
// CHECK-LABEL: func @channels
// CHECK-SAME: (%[[X:.*]]: tensor<2x7x3xf32>, %[[S:.*]]: tensor<2x3xf32>)
func.func @channels(%x: tensor<2x7x3xf32>, %s: tensor<2x3xf32>) -> tensor<2x7x3xf32> {
  // CHECK-DAG: %[[C:.*]]:2 = ssm.scan dimension(1) {{.*}} outs(%{{.*}}, %[[S]] : {{.*}})
  // CHECK-DAG: %[[M:.*]]:2 = ssm.scan dimension(2) {{.*}} -> tensor<7x2x7x3xf32>, tensor<7x2x3xf32>
  // CHECK: %[[Y:.*]] = linalg.generic {{.*}} ins(%[[M]]#0, %[[X]] : {{.*}}) outs(%[[C]]#0 : {{.*}})
  // CHECK-NOT: ssm.
  // CHECK: return %[[Y]]
  %h, %last = ssm.scan dimension(1) ins(%x, %x : tensor<2x7x3xf32>, tensor<2x7x3xf32>) outs(%x, %s : tensor<2x7x3xf32>, tensor<2x3xf32>) -> tensor<2x7x3xf32>, tensor<2x3xf32>
  return %h : tensor<2x7x3xf32>
}

// What follows the convolution is not linear.
// CHECK-LABEL: func @activation
// CHECK-SAME: (%[[X:.*]]: tensor<2x7x3xf32>,
func.func @activation(%x: tensor<2x7x3xf32>, %w: tensor<3x2xf32>, %s: tensor<2x1x3xf32>) -> tensor<2x7x3xf32> {
  // CHECK-NEXT: %[[Y:.*]]:2 = ssm.short_conv activation(silu) ins(%[[X]],
  // CHECK-NEXT: return %[[Y]]#0
  %y, %last = ssm.short_conv activation(silu) ins(%x, %w : tensor<2x7x3xf32>, tensor<3x2xf32>) outs(%x, %s : tensor<2x7x3xf32>, tensor<2x1x3xf32>) -> tensor<2x7x3xf32>, tensor<2x1x3xf32>
  return %y : tensor<2x7x3xf32>
}
