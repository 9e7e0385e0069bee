"""Decoding: prefill(a) then steps(b) is forward(a + b), and states are things."""
import gc

import numpy as np
import pytest

import ssmc


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.fixture(scope="module")
def ids(stored):
    return stored["input_ids_L24"]


def test_prefill_and_steps_are_forward(mamba, ids):
    whole = mamba(ids)
    for cut in (1, 9, 23):
        state = mamba.new_state(ids.shape[0])
        parts = [mamba.prefill(ids[:, :cut], state)]
        parts += [mamba.step(ids[:, i : i + 1], state=state) for i in range(cut, 24)]
        close(np.concatenate(parts, axis=1), whole)


def test_save_load_copy(mamba, ids):
    state = mamba.new_state(2)
    mamba.prefill(ids[:, :8], state=state)
    saved, copied = mamba.load_state(state.save()), state.copy()
    after = [mamba.step(ids[:, 8:9], state=one) for one in (state, saved, copied)]
    assert np.array_equal(after[0], after[1]) and np.array_equal(after[0], after[2])
    with pytest.raises(ssmc.RunError):
        mamba.load_state(state.save()[:-1])
    with pytest.raises(ssmc.RunError):
        mamba.load_state(b"")


def test_rows(mamba, ids):
    state = mamba.new_state(2)
    mamba.prefill(ids[:, :8], state=state)
    token = ids[:, 8:9]
    expected = mamba.step(token, state=state.copy())
    beam = state.select([1, 0, 1])
    assert beam.rows == 3
    close(mamba.step(token[[1, 0, 1]], state=beam), expected[[1, 0, 1]])
    state.reorder([1, 1])
    close(mamba.step(token[[1, 1]], state=state.copy()), expected[[1, 1]])
    state.reset(0)
    fresh = mamba.step(token, state=mamba.new_state(2))
    close(mamba.step(token[[0, 1]], state=state)[0], fresh[0])
    state.reset()
    close(mamba.step(token, state=state), fresh)


def test_arrays(mamba, ids):
    state = mamba.new_state(2)
    mamba.prefill(ids[:, :8], state=state)
    other = mamba.new_state(2)
    for value in mamba.states:
        array = state[value.name]
        assert array.dtype == value.dtype and array.shape == (2, *value.shape[1:]) and array.any()
        other[value.name] = array
    token = ids[:, 8:9]
    assert np.array_equal(mamba.step(token, state=state), mamba.step(token, state=other))
    with pytest.raises(ssmc.RunError, match="there is no state 'z'"):
        state["z"]
    with pytest.raises(ssmc.RunError, match="has shape"):
        state[mamba.states[0].name] = np.zeros(3, mamba.states[0].dtype)


def test_generate(mamba, ids):
    found = np.stack(list(mamba.generate(ids[:, :5], 6)), axis=1)
    assert found.shape == (2, 6) and found.dtype == np.int64
    sequence = ids[:, :5]
    for i in range(6):
        sequence = np.concatenate([sequence, mamba(sequence)[:, -1].argmax(-1)[:, None]], axis=1)
    assert np.array_equal(found, sequence[:, 5:])
    state = mamba.new_state(2)
    mamba.prefill(ids[:, :3], state=state)
    assert np.array_equal(np.stack(list(mamba.generate(ids[:, 3:5], 6, state=state)), axis=1), found)
    assert [t.tolist() for t in mamba.generate(ids[:, :5], 2, sample=lambda logits: [3, 4])] == [[3, 4]] * 2
    assert list(mamba.generate(ids[:, :5], 0)) == []
    with pytest.raises(ssmc.RunError, match="at least one token"):
        mamba.generate(ids[:, :0], 1)
    with pytest.raises(ssmc.RunError, match="sample gave tokens"):
        list(mamba.generate(ids[:, :5], 1, sample=lambda logits: [1]))
    for sample in (3, lambda: None, lambda logits, temperature: None):
        with pytest.raises(ssmc.RunError, match="sample is a function of the logits"):
            mamba.generate(ids[:, :5], 1, sample=sample)
    for given in (None, [0.5, 1.0], "ab", [[1, 2], [3]]):
        with pytest.raises(ssmc.RunError, match="a token is an integer"):
            list(mamba.generate(ids[:, :5], 1, sample=lambda logits, given=given: given))


def test_prompts_of_different_lengths(mamba, ids):
    lengths = np.array([4, 9])
    padded = np.where(np.arange(9) < lengths[:, None], ids[:, :9], 77)
    state = mamba.new_state(2)
    logits = mamba.prefill(padded, state, lengths=lengths)
    alone = [mamba.new_state(1) for _ in lengths]
    for row, length in enumerate(lengths):
        expected = mamba.prefill(ids[row : row + 1, :length], alone[row])
        close(logits[row, :length], expected[0])
    after = mamba.step(ids[:, 9:10], state)
    for row in range(2):
        close(after[row], mamba.step(ids[row : row + 1, 9:10], alone[row])[0])
    found = np.stack(list(mamba.generate(padded, 5, lengths=lengths)), axis=1)
    for row, length in enumerate(lengths):
        assert np.array_equal(found[row], np.concatenate(list(mamba.generate(ids[row : row + 1, :length], 5))))
    for wrong in ([4], [0, 9], [4, 10]):
        with pytest.raises(ssmc.RunError, match="lengths are 2 numbers from 1 to 9"):
            mamba.generate(padded, 1, lengths=wrong)
    with pytest.raises(ssmc.RunError):
        mamba.prefill(padded, state, lengths=[4, 10])


def test_undo(mamba, ids):
    """A draft of which one token is accepted."""
    state = mamba.new_state(2)
    mamba.prefill(ids[:, :8], state)
    before = state.save()
    mamba.prefill(ids[:, 8:12], state)
    state.undo()
    assert state.save() == before
    with pytest.raises(ssmc.RunError, match="taken back"):
        state.undo()


def test_drafts(mamba, ids):
    """Each row accepts some of 4 drafted tokens, and is as if it had had no more."""
    rng = np.random.default_rng(5)
    state = mamba.new_state(2)
    mamba.prefill(ids[:, :8], state)
    assert "accept" not in mamba.entries and [v.name for v in mamba.entries["verify"].outputs] == ["logits"]
    for counts in ([0, 4], [3, 1], [2, 2], rng.integers(0, 5, 2)):
        one = state.copy()
        before = one.save()
        expected = mamba.prefill(ids[:, 8:12], one.copy())
        close(mamba.verify(ids[:, 8:12], one), expected)
        one.accept(counts)
        token, after = ids[:, 12:13], one.copy()
        found = mamba.step(token, after)
        for row, count in enumerate(counts):
            alone = state.select([row])
            for t in range(8, 8 + count):
                mamba.step(ids[row : row + 1, t : t + 1], alone)
            close(found[row], mamba.step(token[row : row + 1], alone)[0])
        one.undo()
        assert one.save() == before
    mamba.verify(ids[:, 8:12], one)
    after = mamba.step(ids[:, 12:13], one)
    close(after, mamba(ids[:, :13])[:, 12:])
    with pytest.raises(ssmc.RunError, match="no call of 'verify'"):
        one.accept([1, 1])
    one = state.copy()
    mamba.verify(ids[:, 8:12], one)
    with pytest.raises(ssmc.RunError, match="counts are 2 numbers"):
        one.accept([1])
    with pytest.raises(ssmc.RunError, match="larger than the number of tokens"):
        one.accept([5, 0])
    with pytest.raises(ssmc.RunError, match="dimension"):
        mamba.step(ids[:1, :1], one)
    with pytest.raises(ssmc.RunError, match="index"):
        mamba.step(np.full((2, 1), 10**6), one)
    one.accept([0, 0])
    close(mamba.step(ids[:, 8:9], one), mamba.step(ids[:, 8:9], state.copy()))


def test_refused(mamba, ids):
    state = mamba.new_state(2)
    before = state.save()
    for match, call in [
        ("goes on from a state", lambda: mamba.entries["step"](ids[:, :1])),
        ("goes on from a state", lambda: mamba.step(ids[:, :1])),
        ("entry 'forward' has no state", lambda: mamba(ids, state)),
        ("not bytes", lambda: mamba.step(ids[:, :1], state=before)),
        ("entry 'forward' has no state", lambda: mamba.entries["forward"](ids, state=state)),
        ("dimension", lambda: mamba.step(ids[:1, :1], state=state)),
        ("dimension", lambda: mamba.step(ids[:, :2], state=state)),
        ("there is no row 2", lambda: state.select([0, 2])),
        ("there is no row -1", lambda: state.reset(-1)),
        ("rows are a list of numbers", lambda: state.select([0.5])),
        ("1 rows were given for a state of 2", lambda: state.reorder([0])),
        ("the number of rows is -1, expected 0 to 2", lambda: mamba.new_state(-1)),
        ("the number of rows is 1000000000000, expected 0 to 2", lambda: mamba.new_state(10**12)),
        ("states of 2147483647 rows are too large", lambda: mamba.new_state(2**31 - 1)),
    ]:
        with pytest.raises(ssmc.RunError, match=match):
            call()
    assert state.save() == before


def test_no_states(scale):
    assert scale.states == ()
    with pytest.raises(ssmc.RunError) as raised:
        scale.new_state(1)
    assert raised.value.code == ssmc.Code.UNSUPPORTED
    with pytest.raises(ssmc.RunError, match="has no entry 'prefill'"):
        next(scale.generate([[1]], 1))


def test_state_outlives_its_module(mamba):
    module = ssmc.load(mamba.path)
    state = module.new_state(1)
    module.close()
    with pytest.raises(ssmc.RunError, match="the module is closed"):
        module.step([[1]], state=state)
    assert mamba.load_state(state.save()).rows == 1
    del module, state
    gc.collect()
