"""Variables: memory, dtypes, assignment inside and outside of traces, errors."""

import copy
import gc
import pickle

import nervure as nv
import numpy as np
import pytest
from nervure import ops


def test_views_share_memory():
    v = nv.Variable([[1.0, 2.0]], name="v")
    a = v.numpy()
    assert np.shares_memory(a, v.value)
    assert np.shares_memory(a, np.asarray(v))
    a[0, 0] = 5
    assert ops.sum(v) == 7
    v.assign([[3.0, 4.0]])
    assert a.tolist() == [[3, 4]]
    assert np.shares_memory(a, v.numpy())
    del v
    gc.collect()
    a += 1
    assert a.tolist() == [[4, 5]]


def test_copies_on_request():
    v = nv.Variable([1.0])
    assert not np.shares_memory(np.array(v, copy=True), v.numpy())
    assert np.asarray(v, np.float64).dtype == np.float64


def test_dlpack():
    v = nv.Variable([1.0, 2.0])
    a = np.from_dlpack(v)
    v.assign([7.0, 8.0])
    assert a.tolist() == [7, 8]


def test_dtypes():
    assert nv.Variable(1.0).dtype == "float32"
    assert nv.Variable(1).dtype == "int32"
    assert nv.Variable(True).dtype == "bool"
    assert nv.Variable([1, 2]).dtype == "int32"
    assert nv.Variable(np.ones(2)).dtype == "float64"
    assert nv.Variable(np.ones(2), dtype="float32").dtype == "float32"
    assert nv.Variable("zeros", shape=(2,)).dtype == "float32"
    assert nv.Variable(lambda shape, dtype: ops.ones(shape, dtype), shape=[2, 3], dtype="int64").dtype == "int64"


def test_properties():
    v = nv.Variable(np.zeros((2, 3)), name="kernel", trainable=False)
    assert (v.name, v.path, v.shape, v.ndim, v.size, v.trainable) == ("kernel", "kernel", (2, 3), 2, 6, False)
    v.trainable = True
    assert v.trainable is True
    assert "kernel" in repr(v)
    assert len(v) == 2
    nv.utils.clear_session()
    assert [nv.Variable(0.0).name for _ in range(3)] == ["variable", "variable_1", "variable_2"]


def test_assignment():
    v = nv.Variable([1.0, 2.0])
    assert v.assign_add(1).tolist() == [2, 3]
    v.assign_sub([1.0, 1.0])
    v.assign(np.array([4, 5]))
    assert v.numpy().tolist() == [4, 5]
    w = nv.Variable([1, 2])
    w.assign([1.9, 2.9])
    assert w.numpy().tolist() == [1, 2]


@pytest.mark.parametrize("value", [[1.0], [[1.0, 2.0]], 3.0, [1.0, 2.0, 3.0]])
def test_assignment_of_another_shape(value):
    v = nv.Variable([1.0, 2.0], name="bias")
    with pytest.raises(ValueError, match=r"bias.*\(2,\)"):
        v.assign(value)
    with pytest.raises(ValueError, match="bias"):
        nv.function(lambda: v.assign(value))()
    assert v.numpy().tolist() == [1, 2]


def test_assignment_of_no_numbers():
    v = nv.Variable([1.0])
    for value in (["a"], [None], np.array([object()])):
        with pytest.raises((TypeError, ValueError)):
            v.assign(value)
    assert v.numpy().tolist() == [1]


def test_bad_arguments():
    with pytest.raises(ValueError, match="shape"):
        nv.Variable("zeros")
    with pytest.raises(ValueError, match="shape"):
        nv.Variable("zeros", shape=(None, 2))
    with pytest.raises(ValueError, match="dtype"):
        nv.Variable(1.0, dtype="complex64")
    with pytest.raises(ValueError, match="name"):
        nv.Variable(1.0, name="a/b")
    with pytest.raises(ValueError, match="aggregation"):
        nv.Variable(1.0, aggregation="median")
    with pytest.raises(ValueError, match="regularizer"):
        nv.Variable(1.0).regularizer = 3
    with pytest.raises(ValueError, match="constraint"):
        nv.Variable(1.0).constraint = 3
    with pytest.raises(TypeError):
        nv.Variable(["a"])
    for bad in (None, "a", object()):
        with pytest.raises(TypeError, match="expected numbers"):
            nv.Variable(1.0).assign(bad)


def test_python_numbers():
    assert float(nv.Variable(1.5)) == 1.5
    assert f"{nv.Variable(1.5):.3f} {nv.Variable([2.0], name='v')}".startswith("1.500 <Variable path=v")
    assert int(nv.Variable(3)) == 3
    assert [10, 20, 30][nv.Variable(1)] == 20
    with pytest.raises(TypeError):
        float(nv.Variable([1.0]))
    with pytest.raises(TypeError):
        bool(nv.Variable(1.0))


def test_operators():
    v, a = nv.Variable([1.0, 4.0]), np.array([2, 3], np.float32)
    for result, expected in [
        (v + a, [3, 7]), (a + v, [3, 7]), (v - 1, [0, 3]), (1 - v, [0, -3]), (v * a, [2, 12]), (v / a, [0.5, 4 / 3]),
        (8 / v, [8, 2]),
        (v // 3, [0, 1]), (9 % v, [0, 1]), (v**2, [1, 16]), (2**v, [2, 16]), (-v, [-1, -4]), (abs(-v), [1, 4]),
        (v @ a, 14),
        (a @ v, 14), (v > 2, [False, True]), (v <= a, [True, False]), (v == a, [False, False]), (v != 1, [False, True]),
        (v[1], 4), (v[::-1], [4, 1]), (v.T, [1, 4]), (v.reshape(2, 1), [[1], [4]]), (+v, [1, 4]), (round(v), [1, 4]),
    ]:  # fmt: skip
        np.testing.assert_allclose(result, expected, rtol=1e-6)
    assert np.sin(v).dtype == np.float32
    b = nv.Variable([True, False])
    assert (~b).tolist() == [False, True]
    assert (b & True).tolist() == [True, False]
    assert (b | True).tolist() == [True, True]
    assert (b ^ True).tolist() == [False, True]


def test_python_numbers_go_to_float64_as_they_are():
    for value in (0.1, [0.1], (0.1,)):
        v = nv.Variable(value, dtype="float64")
        assert v.numpy().ravel()[0] == nv.ops.convert_to_tensor(value, "float64").ravel()[0] == 0.1
        v.assign(np.zeros(v.shape))
        assert np.ravel(v.assign(value))[0] == 0.1
    assert nv.Variable([0.1]).dtype == "float32"
    assert nv.ops.arange(2**53, 2**53 + 2, dtype="int64").tolist() == [2**53, 2**53 + 1]


def test_hash_is_by_identity():
    a, b = nv.Variable([1.0]), nv.Variable([1.0])
    assert len({a, b, a}) == 2


def test_a_trace_reads_what_it_assigned():
    v = nv.Variable([1.0, 2.0])

    def step(x):
        before = v.value + 0
        v.assign_add(x)
        middle = v * 1
        v.assign(v * 10)
        return before, middle, v.value

    for result in nv.function(step)(np.array([1, 1], np.float32)):
        assert isinstance(result, np.ndarray)
    before, middle, after = nv.function(step)(np.array([1, 1], np.float32))
    assert (before.tolist(), middle.tolist(), after.tolist()) == ([20, 30], [21, 31], [210, 310])
    assert v.numpy().tolist() == [210, 310]


def test_updates_are_made_after_all_reads():
    a, b = nv.Variable([1.0]), nv.Variable([2.0])

    @nv.function
    def swap():
        x, y = a.value, b.value
        a.assign(y)
        b.assign(x)

    swap()
    assert (float(a.numpy()[0]), float(b.numpy()[0])) == (2, 1)
    swap()
    assert (float(a.numpy()[0]), float(b.numpy()[0])) == (1, 2)


def test_assignment_in_a_trace_casts():
    v = nv.Variable([1, 2])
    nv.function(lambda x: v.assign(x))(np.array([3.7, -3.7]))
    assert v.numpy().tolist() == [3, -3]


def test_made_inside_a_trace():
    made = []

    @nv.function
    def f(x):
        if not made:
            made.append(nv.Variable("ones", shape=(2,)))
        return x * made[0]

    assert f(np.array([2.0, 3.0])).tolist() == [2, 3]
    made[0].assign([5.0, 5.0])
    assert f(np.array([2.0, 3.0])).tolist() == [10, 15]


def test_no_python_number_in_a_trace():
    v = nv.Variable(1.0)
    with pytest.raises(TypeError, match="symbolic"):
        nv.function(lambda: float(v))()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_copies_have_a_memory_of_their_own(copied):
    v = nv.Variable(np.arange(3.0), dtype="float64", trainable=False, name="v")
    other = copied(v)
    other.assign_add([1.0, 1.0, 1.0])
    assert v.numpy().tolist() == [0, 1, 2] and other.numpy().tolist() == [1, 2, 3]
    assert (other.name, other.path, other.dtype, other.trainable) == ("v", "v", "float64", False)


def test_attributes_that_change_nothing():
    v = nv.Variable([1.0], aggregation="sum", synchronization="on_read", layout="row")
    assert (v.aggregation, v.synchronization, v.layout, v.overwrite_with_gradient) == ("sum", "on_read", "row", False)
    v.overwrite_with_gradient = False
    with pytest.raises(TypeError, match="must be a boolean"):
        v.overwrite_with_gradient = "yes"
    with pytest.raises(ValueError, match="not supported"):
        v.overwrite_with_gradient = True
