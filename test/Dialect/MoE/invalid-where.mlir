// RUN: moe-opt %s --split-input-file --verify-diagnostics

// A function for each constraint of moe.where in MoEOps.td, as in invalid.mlir.

func.func @where_c1(%x: tensor<?x4xf32>, %a: tensor<?xi1>) {
  // expected-error @below {{expects a case for each of its masks, got 2 masks and 1 cases}}
  %y = moe.where %a, %a along [0] : (tensor<?xi1>, tensor<?xi1>) -> tensor<?x4xf32> {
    moe.yield %x : tensor<?x4xf32>
  }
  return
}

// -----

func.func @where_c1_none() {
  // expected-error @below {{expects a case for each of its masks, got 0 masks and 0 cases}}
  %y = "moe.where"() <{along = array<i64: 0>}> ({
  }) : () -> tensor<?x4xf32>
  return
}

// -----

func.func @where_c2(%x: tensor<?x4xf32>, %a: tensor<?x4xi1>) {
  // expected-error @below {{expects masks of 1 dimensions, got 'tensor<?x4xi1>'}}
  %y = moe.where %a along [0] : (tensor<?x4xi1>) -> tensor<?x4xf32> {
    moe.yield %x : tensor<?x4xf32>
  }
  return
}

// -----

func.func @where_c2_dimension(%x: tensor<?x4xf32>, %a: tensor<?xi1>) {
  // expected-error @below {{expects dimensions of its results, got 2 of 'tensor<?x4xf32>'}}
  %y = moe.where %a along [2] : (tensor<?xi1>) -> tensor<?x4xf32> {
    moe.yield %x : tensor<?x4xf32>
  }
  return
}

// -----

func.func @where_c2_negative(%x: tensor<?x4xf32>, %a: tensor<?xi1>) {
  // expected-error @below {{expects dimensions of its results, got -1 of 'tensor<?x4xf32>'}}
  %y = moe.where %a along [-1] : (tensor<?xi1>) -> tensor<?x4xf32> {
    moe.yield %x : tensor<?x4xf32>
  }
  return
}

// -----

func.func @where_c2_result(%x: tensor<?x4xf32>, %s: tensor<f32>, %a: tensor<?xi1>) {
  // expected-error @below {{expects dimensions of its results, got 0 of 'tensor<f32>'}}
  %y:2 = moe.where %a along [0] : (tensor<?xi1>) -> (tensor<?x4xf32>, tensor<f32>) {
    moe.yield %x, %s : tensor<?x4xf32>, tensor<f32>
  }
  return
}

// -----

func.func @where_c2_twice(%x: tensor<?x4xf32>, %a: tensor<?x?xi1>) {
  // expected-error @below {{expects each dimension once, got 0, 0}}
  %y = moe.where %a along [0, 0] : (tensor<?x?xi1>) -> tensor<?x4xf32> {
    moe.yield %x : tensor<?x4xf32>
  }
  return
}

// -----

func.func @where_c3(%x: tensor<5x4xf32>, %a: tensor<4xi1>) {
  // expected-error @below {{expects a mask of 5 along dimension 0, got 'tensor<4xi1>'}}
  %y = moe.where %a along [0] : (tensor<4xi1>) -> tensor<5x4xf32> {
    moe.yield %x : tensor<5x4xf32>
  }
  return
}

// -----

func.func @where_c3_second(%x: tensor<?x4xf32>, %a: tensor<?xi1>, %b: tensor<3xi1>) {
  // expected-error @below {{expects a mask of 4 along dimension 1, got 'tensor<3xi1>'}}
  %y = moe.where %a, %b along [1] : (tensor<?xi1>, tensor<3xi1>) -> tensor<?x4xf32> {
    moe.yield %x : tensor<?x4xf32>
  }, {
    moe.yield %x : tensor<?x4xf32>
  }
  return
}

// -----

func.func @where_c4(%x: tensor<?x4xf32>, %a: tensor<?xi1>) {
  // expected-error @below {{expects regions without arguments, got 1}}
  %y = moe.where %a along [0] : (tensor<?xi1>) -> tensor<?x4xf32> {
  ^bb0(%m: tensor<?x4xf32>):
    moe.yield %x : tensor<?x4xf32>
  }
  return
}

// -----

func.func @where_c4_else(%x: tensor<?x4xf32>, %z: tensor<?x4xf64>, %a: tensor<?xi1>) {
  %y = moe.where %a along [0] : (tensor<?xi1>) -> tensor<?x4xf32> {
    moe.yield %x : tensor<?x4xf32>
  } else {
    // expected-error @below {{expects values of types 'tensor<?x4xf32>', got 'tensor<?x4xf64>'}}
    moe.yield %z : tensor<?x4xf64>
  }
  return
}

// -----

func.func @where_c4_end(%x: tensor<?x4xf32>, %a: tensor<?xi1>, %n: index) {
  // expected-error @below {{expects regions that end in moe.yield}}
  %y = moe.where %a along [0] : (tensor<?xi1>) -> tensor<?x4xf32> {
    ub.unreachable
  }
  return
}

// -----

func.func @where_c4_empty_else(%x: tensor<?x4xf32>, %a: tensor<?xi1>) {
  %y = moe.where %a along [0] : (tensor<?xi1>) -> tensor<?x4xf32> {
    moe.yield %x : tensor<?x4xf32>
  // expected-error @below {{expected a region that ends in moe.yield behind else}}
  } else {
  }
  return
}

// -----

func.func @where_c4_blocks(%x: tensor<?x4xf32>, %a: tensor<?xi1>) {
  // expected-error @below {{expects region #1 to have 0 or 1 blocks}}
  %y = moe.where %a along [0] : (tensor<?xi1>) -> tensor<?x4xf32> {
    cf.br ^next
  ^next:
    moe.yield %x : tensor<?x4xf32>
  }
  return
}

// -----

func.func @where_c5(%x: tensor<?x4xf32>, %a: tensor<?xi1>) {
  // expected-error @below {{expects one case and no else if it is implied}}
  %y = moe.where %a along [0] implied : (tensor<?xi1>) -> tensor<?x4xf32> {
    moe.yield %x : tensor<?x4xf32>
  } else {
    moe.yield %x : tensor<?x4xf32>
  }
  return
}

// -----

func.func @where_c5_cases(%x: tensor<?x4xf32>, %a: tensor<?xi1>) {
  // expected-error @below {{expects one case and no else if it is implied}}
  %y = moe.where %a, %a along [0] implied : (tensor<?xi1>, tensor<?xi1>) -> tensor<?x4xf32> {
    moe.yield %x : tensor<?x4xf32>
  }, {
    moe.yield %x : tensor<?x4xf32>
  }
  return
}

// -----

func.func @where_c6(%a: tensor<?xi1>) {
  // expected-error @below {{expects at least one result}}
  moe.where %a along [0] : (tensor<?xi1>) -> () {
    moe.yield
  }
  return
}

// -----

func.func @where_c6_index(%x: tensor<?xindex>, %a: tensor<?xi1>) {
  // expected-error @below {{expects numbers where there is no else, got 'tensor<?xindex>'}}
  %y = moe.where %a along [0] : (tensor<?xi1>) -> tensor<?xindex> {
    moe.yield %x : tensor<?xindex>
  }
  return
}
