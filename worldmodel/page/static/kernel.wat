;; One product for V and M: y[0..n) += sum over i < m of x[i] * w[i * n .. (i + 1) * n).
;; All three are float32 in the imported memory; n is a multiple of 4. Sixteen sums are kept in
;; registers while the inputs go by, then what is left in fours.
(module
  (import "host" "memory" (memory 1))
  (func (export "accumulate")
    (param $x i32) (param $w i32) (param $y i32) (param $m i32) (param $n i32)
    (local $row i32) (local $o i32) (local $i i32) (local $end i32) (local $p i32) (local $q i32)
    (local $v v128) (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local.set $row (i32.shl (local.get $n) (i32.const 2)))
    (local.set $end (i32.add (local.get $x) (i32.shl (local.get $m) (i32.const 2))))
    (block $sixteens_done
      (loop $sixteens
        (br_if $sixteens_done
          (i32.gt_u (i32.add (local.get $o) (i32.const 64)) (local.get $row)))
        (local.set $q (i32.add (local.get $y) (local.get $o)))
        (local.set $p (i32.add (local.get $w) (local.get $o)))
        (local.set $a (v128.load (local.get $q)))
        (local.set $b (v128.load offset=16 (local.get $q)))
        (local.set $c (v128.load offset=32 (local.get $q)))
        (local.set $d (v128.load offset=48 (local.get $q)))
        (local.set $i (local.get $x))
        (loop $inputs
          (local.set $v (v128.load32_splat (local.get $i)))
          (local.set $a (f32x4.add (local.get $a)
            (f32x4.mul (local.get $v) (v128.load (local.get $p)))))
          (local.set $b (f32x4.add (local.get $b)
            (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $p)))))
          (local.set $c (f32x4.add (local.get $c)
            (f32x4.mul (local.get $v) (v128.load offset=32 (local.get $p)))))
          (local.set $d (f32x4.add (local.get $d)
            (f32x4.mul (local.get $v) (v128.load offset=48 (local.get $p)))))
          (local.set $p (i32.add (local.get $p) (local.get $row)))
          (br_if $inputs (i32.lt_u
            (local.tee $i (i32.add (local.get $i) (i32.const 4))) (local.get $end))))
        (v128.store (local.get $q) (local.get $a))
        (v128.store offset=16 (local.get $q) (local.get $b))
        (v128.store offset=32 (local.get $q) (local.get $c))
        (v128.store offset=48 (local.get $q) (local.get $d))
        (local.set $o (i32.add (local.get $o) (i32.const 64)))
        (br $sixteens)))
    (block $fours_done
      (loop $fours
        (br_if $fours_done (i32.ge_u (local.get $o) (local.get $row)))
        (local.set $q (i32.add (local.get $y) (local.get $o)))
        (local.set $p (i32.add (local.get $w) (local.get $o)))
        (local.set $a (v128.load (local.get $q)))
        (local.set $i (local.get $x))
        (loop $inputs_again
          (local.set $a (f32x4.add (local.get $a)
            (f32x4.mul (v128.load32_splat (local.get $i)) (v128.load (local.get $p)))))
          (local.set $p (i32.add (local.get $p) (local.get $row)))
          (br_if $inputs_again (i32.lt_u
            (local.tee $i (i32.add (local.get $i) (i32.const 4))) (local.get $end))))
        (v128.store (local.get $q) (local.get $a))
        (local.set $o (i32.add (local.get $o) (i32.const 16)))
        (br $fours)))))
