"""Inputs that other programs measure wrongly, drop in silence or crash on: files on disk, through the footprint."""

import json
import warnings

import numpy as np
import polars as pl
import pytest
import torch
import transformers as hf
from model_pairs import changed, llama, noise, save, weights
from safetensors.torch import load_file, save_file

from benchshadow import records
from benchshadow.errors import InputError
from benchshadow.studies.footprints.footprint import footprint

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from peft import LoraConfig, get_peft_model

RNG = np.random.default_rng(0)
SIZES = {
    "vocab_size": 40, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "tie_word_embeddings": False,
}  # fmt: skip
LEVELS = (0, 1, 2, 3)


def stored(folder, tensors, config=None):
    """A checkpoint of these tensors."""
    folder.mkdir(parents=True)
    save_file(
        {name: torch.as_tensor(each).contiguous() for name, each in tensors.items()}, folder / "model.safetensors"
    )
    (folder / "config.json").write_text(json.dumps(config or {}), encoding="utf-8")
    return folder


def model_of(kind, **settings):
    """A tiny model of a family with no weight at a value that an initialisation gives it."""
    torch.manual_seed(0)
    model = hf.AutoModelForCausalLM.from_config(getattr(hf, f"{kind}Config")(**settings))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.1)
    return model


def moved(model, folder):
    """The model with noise on every weight, saved."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    return folder


class Found:
    """Records and coverage of a footprint."""

    def __init__(self, *paths, out, **settings):
        self.footprint = footprint(*paths, out=out, **settings)
        self.table = records.read(out)
        self.coverage = pl.read_parquet(out / "coverage.parquet")
        self.spectra = {
            (row["tensor"], row["of"]): np.array(row["values"])
            for row in pl.read_parquet(out / "spectra.parquet").iter_rows(named=True)
        }

    def value(self, tensor, diagnostic, of="change", side=None):
        wanted = pl.col("tensor").eq_missing(tensor) & (pl.col("of") == of) & (pl.col("diagnostic") == diagnostic)
        (found,) = self.table.filter(wanted & pl.col("side").eq_missing(side) & pl.col("parameter").is_null())["value"]
        return found

    def states(self):
        return dict(self.coverage.group_by("state").len().iter_rows())

    def parameters(self):
        return self.coverage.filter(pl.col("stored").is_not_null())["parameters"].sum()

    def layers(self):
        return set(self.coverage.filter((pl.col("state") == "analysed") & pl.col("layer").is_not_null())["layer"])


def svd(weight):
    return np.linalg.svd(np.asarray(weight, np.float64), compute_uv=False)


@pytest.mark.parametrize("level", LEVELS)
def test_an_unchanged_tensor_is_said_to_be_so_and_is_in_no_average(level, tmp_path):
    touched = "model.layers.1.mlp.up_proj.weight"
    base = save(llama(), tmp_path / "base")
    tuned = save(changed(llama(), lambda name, w: noise(name, w) if name == touched else w), tmp_path / "tuned")
    found = Found(base, tuned, out=tmp_path / "out", level=level)
    assert found.states() == {"analysed": 1, "equal": 22, "skipped": 7}
    equal = found.table.filter((pl.col("of") == "change") & (pl.col("tensor") == "layers.0.mlp.up_proj.weight"))
    assert found.value("layers.0.mlp.up_proj.weight", "relative_change") == 0
    assert found.table["value"].is_finite().all()
    if level < 2:
        return
    ranks = equal.filter(pl.col("diagnostic").is_in(["stable_rank", "effective_rank", "tail_exponent", "signal_rank"]))
    assert len(ranks) >= 4
    assert ranks["value"].null_count() == len(ranks)
    assert ranks["method"].str.starts_with("undefined: ").all()
    mean = found.value(None, "stable_rank", of="model")
    assert mean == pytest.approx(found.value("layers.1.mlp.up_proj.weight", "stable_rank"))


@pytest.mark.parametrize("spectra_of", [("change",), ("base", "change"), ("base", "tuned", "change")])
@pytest.mark.parametrize("level", LEVELS)
def test_a_checkpoint_against_itself_is_measured_whatever_is_asked(level, spectra_of, tmp_path):
    base = save(llama(layers=1), tmp_path / "base")
    found = Found(base, base, out=tmp_path / "out", level=level, spectra_of=spectra_of)
    assert set(found.states()) == {"equal", "skipped"}
    cosines = found.table.filter((pl.col("diagnostic") == "cosine") & (pl.col("of") == "change"))["value"]
    assert set(cosines) == {1.0}


@pytest.mark.parametrize("side", [64, 512])
def test_a_planted_change_of_rank_four_in_float32_has_rank_four(side, tmp_path):
    base = (0.02 * RNG.standard_normal((side, side))).astype(np.float32)
    low = 0.002 * RNG.standard_normal((side, 4)) @ RNG.standard_normal((4, side))
    pair = [
        stored(tmp_path / n, {"h.weight": each}) for n, each in (("a", base), ("b", (base + low).astype(np.float32)))
    ]
    found = Found(*pair, out=tmp_path / "out")
    assert found.value("h.weight", "numerical_rank") == 4
    for sides in ("tuned", "both"):
        assert found.value("h.weight", "signal_rank", side=sides) == 4


def test_one_model_under_two_prefixes_is_compared_with_itself(tmp_path):
    base = save(llama(), tmp_path / "base")
    tuned = save(changed(llama(), noise), tmp_path / "tuned")
    tensors = load_file(tuned / "model.safetensors")
    names = {name: name.replace("model.", "model.language_model.", 1) for name in tensors}
    config = json.loads((tuned / "config.json").read_text(encoding="utf-8"))
    other = stored(tmp_path / "other", {names[name]: each for name, each in tensors.items()}, config)
    plain, found = (Found(base, each, out=tmp_path / f"out {each.name}") for each in (tuned, other))
    assert found.states() == plain.states()
    assert found.value(None, "relative_change", of="model") == plain.value(None, "relative_change", of="model")
    assert found.value(None, "relative_change", of="model") < 0.2


def test_a_model_whose_names_meet_nothing_is_refused_and_never_taken_for_the_change(tmp_path):
    base = stored(tmp_path / "a", {"one.weight": np.ones((4, 5), np.float32)})
    tuned = stored(tmp_path / "b", {"two.weight": np.ones((4, 5), np.float32)})
    with pytest.raises(InputError, match="must share at least one matrix by name and shape"):
        footprint(base, tuned, out=tmp_path / "out")


@pytest.mark.parametrize("level", [0, 1, 2])
def test_fp8_with_scales_is_dequantised(level, tmp_path):
    weight = 0.02 * torch.randn(64, 96)
    scale = weight.abs().amax() / 448
    eight = (weight / scale).to(torch.float8_e4m3fn)
    tensors = {"q.weight": eight, "q.weight_scale_inv": scale.reshape(1, 1)}
    config = {"quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}
    found = Found(stored(tmp_path / "a", tensors, config), out=tmp_path / "out", level=level)
    values = eight.float() * scale
    assert found.value("q.weight", "frobenius_norm", of="base") == pytest.approx(values.norm().item(), rel=1e-5)
    if level:
        top = found.value("q.weight", "spectral_norm", of="base")
        assert top == pytest.approx(svd(values)[0], rel=1e-5)
    assert found.parameters() == 64 * 96
    assert any("rounding of the quantisation is not modelled" in said for said in found.footprint.remarks)


def words(codes, bits):
    """Rows of whole numbers packed into words of 32 bits, the first lowest."""
    many = 32 // bits
    grouped = codes.reshape(len(codes), -1, many).astype(np.uint64)
    return (
        np.bitwise_or.reduce(grouped << (np.arange(many, dtype=np.uint64) * bits), axis=2)
        .astype(np.uint32)
        .view(np.int32)
    )


def gptq():
    codes, zeros = RNG.integers(0, 16, (64, 32)), RNG.integers(1, 16, (2, 32))
    scales, groups = RNG.uniform(0.001, 0.02, zeros.shape).astype(np.float16), np.arange(64) // 32
    tensors = {"q.qweight": words(codes.T, 4).T, "q.qzeros": words(zeros - 1, 4), "q.scales": scales}
    tensors["q.g_idx"] = groups.astype(np.int32)
    weight = ((codes - zeros[groups]) * scales.astype(np.float64)[groups]).T
    return tensors, {"quant_method": "gptq", "bits": 4, "group_size": 32}, "q.weight", weight


def awq():
    codes, zeros = RNG.integers(0, 16, (64, 32)), RNG.integers(0, 16, (2, 32))
    scales, groups = RNG.uniform(0.001, 0.02, zeros.shape).astype(np.float16), np.arange(64) // 32
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    packed = [words(each.reshape(len(each), -1, 8)[..., order].reshape(each.shape), 4) for each in (codes, zeros)]
    weight = ((codes - zeros[groups]) * scales.astype(np.float64)[groups]).T
    tensors = {"q.qweight": packed[0], "q.qzeros": packed[1], "q.scales": scales}
    return tensors, {"quant_method": "awq", "bits": 4, "version": "gemm"}, "q.weight", weight


def mxfp4():
    four = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])
    codes, scale = RNG.integers(0, 16, (32, 64)), RNG.integers(118, 122, (32, 2)).astype(np.uint8)
    tensors = {"q.weight_packed": (codes[:, ::2] | codes[:, 1::2] << 4).astype(np.uint8), "q.weight_scale": scale}
    weight = four[codes] * np.repeat(2.0 ** (scale.astype(np.float64) - 127), 32, axis=1)
    return tensors, {"quant_method": "compressed-tensors", "format": "mxfp4-pack-quantized"}, "q.weight", weight


@pytest.mark.parametrize("scheme", [gptq, awq, mxfp4], ids=lambda each: each.__name__)
def test_weights_packed_into_words_are_dequantised_and_counted(scheme, tmp_path):
    tensors, settings, name, weight = scheme()
    tensors = {**tensors, "other.weight": np.eye(8, dtype=np.float32)}
    folder = stored(tmp_path / "a", tensors, {"quantization_config": settings})
    found = Found(folder, out=tmp_path / "out")
    np.testing.assert_allclose(found.spectra[name, "base"], svd(weight), rtol=1e-6, atol=1e-9)
    assert found.parameters() == weight.size + 64
    assert found.states()["analysed"] == 2


def test_a_scheme_that_is_not_read_is_refused_by_name(tmp_path):
    tensors = {"a.qweight": RNG.integers(0, 9, (8, 8)).astype(np.int32), "b.weight": np.eye(6, dtype=np.float32)}
    folder = stored(tmp_path / "a", tensors, {"quantization_config": {"quant_method": "spqr"}})
    found = Found(folder, out=tmp_path / "out")
    rows = found.coverage.filter(pl.col("tensor") == "a.qweight")
    assert rows["state"].to_list() == ["refused"]
    assert "spqr" in rows["reason"][0]
    assert found.footprint.refused >= 1


def test_stacked_experts_are_as_many_matrices_and_all_parameters_are_counted(tmp_path):
    model = model_of("Mixtral", **SIZES, num_local_experts=3)
    total = sum(each.numel() for each in model.parameters())
    kept = {name: each.detach().clone() for name, each in model.state_dict().items()}
    stacked = [name for name, each in kept.items() if each.ndim == 3]
    config = model.config.to_dict() | {"architectures": [type(model).__name__]}
    base = stored(tmp_path / "in memory", kept, json.loads(json.dumps(config, default=str)))
    model.save_pretrained(tmp_path / "saved")
    one, other = (Found(each, out=tmp_path / f"out {each.name}") for each in (base, tmp_path / "saved"))
    assert one.parameters() == other.parameters() == total
    pairwise = Found(base, tmp_path / "saved", out=tmp_path / "pair")
    assert set(pairwise.states()) == {"equal", "skipped"}
    experts = [name for name, _ in one.spectra if ".experts." in name]
    assert len(experts) == len([name for name, _ in other.spectra if ".experts." in name]) == 2 * 3 * 3
    for name in stacked:
        assert kept[name].shape[0] == 3


def test_a_vocabulary_over_fifty_thousand_and_patches_are_measured(tmp_path):
    tensors = {
        "model.embed_tokens.weight": (0.02 * RNG.standard_normal((50_304, 12))).astype(np.float32),
        "vision.patch_embedding.weight": (0.1 * RNG.standard_normal((20, 3, 4, 4))).astype(np.float32),
        "experts.up": (0.1 * RNG.standard_normal((3, 10, 12))).astype(np.float32),
    }
    found = Found(stored(tmp_path / "a", tensors), out=tmp_path / "out")
    assert found.parameters() == sum(each.size for each in tensors.values())
    assert set(found.coverage["state"]) == {"analysed"}
    by_place = {row["tensor"]: row["canonical"] for row in found.coverage.iter_rows(named=True)}
    vocabulary = found.spectra[by_place["model.embed_tokens.weight"], "base"]
    np.testing.assert_allclose(vocabulary, svd(tensors["model.embed_tokens.weight"]), rtol=1e-6)
    patches = found.spectra[by_place["vision.patch_embedding.weight"], "base"]
    np.testing.assert_allclose(patches, svd(tensors["vision.patch_embedding.weight"].reshape(20, 48)), rtol=1e-6)


def test_fused_projections_are_measured_apart(tmp_path):
    phi = model_of("Phi3", **SIZES)
    phi.save_pretrained(tmp_path / "phi")
    held = {name: each.numpy() for name, each in phi.state_dict().items()}
    found = Found(tmp_path / "phi", out=tmp_path / "out")
    fused, gate_up = held["model.layers.0.self_attn.qkv_proj.weight"], held["model.layers.0.mlp.gate_up_proj.weight"]
    expected = {"q_proj": fused[:16], "k_proj": fused[16:24], "v_proj": fused[24:]}
    expected |= {"gate_proj": gate_up[:24], "up_proj": gate_up[24:]}
    for part, weight in expected.items():
        (name,) = [name for name, _ in found.spectra if name.startswith("layers.0.") and f".{part}." in name]
        np.testing.assert_allclose(found.spectra[name, "base"], svd(weight), rtol=1e-6, err_msg=part)
    assert found.parameters() == sum(each.numel() for each in phi.parameters())


@pytest.mark.parametrize("kind", ["GPT2", "Llava"])
def test_conv1d_and_vision_language_models_have_their_decoder_layers(kind, tmp_path):
    if kind == "GPT2":
        ends = {"bos_token_id": 1, "eos_token_id": 2}
        model = model_of("GPT2", vocab_size=40, n_positions=8, n_embd=16, n_layer=2, n_head=4, **ends)
        blocks = [(2, "mlp.up", "64 x 16")]
    else:
        vision = hf.CLIPVisionConfig(
            hidden_size=12, intermediate_size=20, num_hidden_layers=2, num_attention_heads=3, image_size=8, patch_size=4
        )
        torch.manual_seed(0)
        model = hf.LlavaForConditionalGeneration(
            hf.LlavaConfig(text_config=hf.LlamaConfig(**SIZES), vision_config=vision, image_token_id=5)
        )
        blocks = [(2, "mlp.up", "24 x 16"), (2, "mlp.up", "20 x 12")]
    model.save_pretrained(tmp_path / "base")
    total = sum(each.numel() for each in model.parameters())
    found = Found(tmp_path / "base", moved(model, tmp_path / "tuned"), out=tmp_path / "out")
    assert found.layers() == {0, 1}
    assert found.parameters() == total
    for count, role, shape in blocks:
        rows = found.coverage.filter((pl.col("role") == role) & (pl.col("shape") == shape))
        assert len(rows) == count
        assert set(rows["state"]) == {"analysed"}
    assert not found.coverage["guessed"].any()


@pytest.mark.parametrize("shape", [(64, 64), (400, 390)], ids=str)
def test_a_change_of_full_rank_has_its_full_effective_rank(shape, tmp_path):
    base = RNG.standard_normal(shape).astype(np.float32)
    tuned = base + 0.1 * np.linalg.qr(RNG.standard_normal(shape))[0].astype(np.float32)
    pair = [stored(tmp_path / name, {"h.weight": each}) for name, each in (("a", base), ("b", tuned))]
    found = Found(*pair, out=tmp_path / "out")
    s = svd(tuned.astype(np.float64) - base)
    p = s / s.sum()
    rank = found.value("h.weight", "delta_effective_rank")
    assert rank == pytest.approx(np.exp(-np.sum(p * np.log(p))), rel=1e-5)
    assert rank == pytest.approx(min(shape), rel=1e-3)


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16"])
def test_the_cosine_of_identical_tensors_is_one_and_never_more(kind, tmp_path):
    weight = torch.from_numpy(RNG.standard_normal((390, 800)) + 3).to(getattr(torch, kind))
    pair = [stored(tmp_path / name, {"h.weight": weight}) for name in ("a", "b")]
    nearly = weight.clone()
    nearly[0, 0] += 0.5
    pair.append(stored(tmp_path / "c", {"h.weight": nearly}))
    assert Found(*pair[:2], out=tmp_path / "same").value("h.weight", "cosine") == 1
    near = Found(pair[0], pair[2], out=tmp_path / "near").value("h.weight", "cosine")
    assert 0.999999 < near <= 1


@pytest.mark.parametrize("settings", [{"lora_alpha": 6}, {"use_rslora": True}, {"use_dora": True}], ids=str)
def test_an_adapter_is_measured_as_its_merged_weights(settings, tmp_path):
    torch.manual_seed(1)
    base = save(llama(), tmp_path / "base")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tuned = get_peft_model(llama(), LoraConfig(r=3, target_modules=["q_proj", "up_proj"], **settings))
        for name, weight in tuned.named_parameters():
            if weight.requires_grad and "lora" in name:
                shift = 0.01 * torch.randn_like(weight)
                weight.data += shift.abs() if "magnitude" in name else shift
        tuned.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
        merged = save(tuned.merge_and_unload(), tmp_path / "merged")
    by_adapter, by_weights = (
        Found(base, each, out=tmp_path / f"out {each.name}") for each in (tmp_path / "adapter", merged)
    )
    assert by_adapter.states() == by_weights.states() == {"analysed": 6, "equal": 17, "skipped": 7}
    for layer in range(3):
        for place in ("self_attn.q_proj", "mlp.up_proj"):
            name = f"layers.{layer}.{place}.weight"
            for diagnostic in ("relative_change", "frobenius_norm", "stable_rank", "spectral_norm", "cosine"):
                expected = by_weights.value(name, diagnostic)
                assert by_adapter.value(name, diagnostic) == pytest.approx(expected, rel=1e-5), (name, diagnostic)
            if "use_dora" not in settings:
                assert by_adapter.value(name, "numerical_rank") == by_weights.value(name, "numerical_rank") == 3


def test_of_a_resized_vocabulary_the_common_rows_are_compared_and_this_is_said(tmp_path):
    base = save(llama(), tmp_path / "base")
    model = changed(llama(), noise)
    before, after = weights(llama()), weights(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.resize_token_embeddings(70)
    model.save_pretrained(tmp_path / "tuned")
    found = Found(base, tmp_path / "tuned", out=tmp_path / "out")
    change = after["model.embed_tokens.weight"] - before["model.embed_tokens.weight"]
    (row,) = found.coverage.filter(pl.col("role") == "embedding").iter_rows(named=True)
    assert row["shape"] == "70 x 32"
    assert "resized from 64 x 32 to 70 x 32: the first 64 rows are compared" in row["remarks"]
    np.testing.assert_allclose(found.spectra[row["canonical"], "change"], svd(change), rtol=1e-5)
    assert any("resized" in said for said in found.footprint.remarks)


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize(
    ("before", "after"), [("float32", "bfloat16"), ("bfloat16", "float16"), ("bfloat16", "bfloat16")]
)
def test_each_side_has_the_rounding_of_its_own_type(before, after, level, tmp_path):
    """Saving in another type moves every entry by up to half an ulp; that is the null and not a finding."""
    weight = torch.from_numpy(0.02 * np.random.default_rng(1).standard_normal((96, 128)))
    half = {"float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
    pair = [
        stored(tmp_path / name, {"h.weight": weight.to(getattr(torch, kind))})
        for name, kind in (("a", before), ("b", after))
    ]
    found = Found(*pair, out=tmp_path / "out", level=level)
    (row,) = found.coverage.iter_rows(named=True)
    assert (row["stored_base"], row["stored"]) == (before, after)
    if before == after:
        assert row["state"] == "equal"
        return
    null = found.table.filter((pl.col("of") == "change") & (pl.col("diagnostic") == "relative_change"))
    (measured,), (expected,) = null["value"], null["null_rounding"]
    assert measured == pytest.approx(expected, rel=0.25)
    assert 0.2 * max(half[before], half[after]) < expected < max(half[before], half[after])
    assert found.value("h.weight", "unchanged_share_within_rounding") == 1
    assert "rounding explains" in " ".join(found.footprint.remarks)


BAD = {
    "zeros": np.zeros((6, 7), np.float32),
    "one row": RNG.standard_normal((1, 9)).astype(np.float32),
    "one column": RNG.standard_normal((9, 1)).astype(np.float32),
    "rank one": np.outer(np.arange(1.0, 9), np.arange(1.0, 6)).astype(np.float32),
    "denormals": np.full((5, 8), 1e-44, np.float32),
    "a large one of denormals": np.full((390, 400), 3e-42, np.float32),
    "one entry": np.ones((1, 1), np.float32),
}


@pytest.mark.parametrize("level", LEVELS)
def test_awkward_matrices_are_measured_and_one_with_nan_is_refused_alone(level, tmp_path):
    bad = RNG.standard_normal((8, 8)).astype(np.float32)
    bad[3, 4] = np.nan
    base = {f"{name}.weight": each for name, each in BAD.items()} | {"nan.weight": bad}
    tuned = {name: each * np.float32(2) if name != "zeros.weight" else each + 1 for name, each in base.items()}
    pair = [stored(tmp_path / name, each) for name, each in (("a", base), ("b", tuned))]
    for paths in (pair[:1], pair, [pair[1], pair[0]]):
        found = Found(*paths, out=tmp_path / f"out {len(paths)} {paths[0].name}", level=level)
        # One row or one column is a vector: it is counted, and has no spectrum.
        states = {row["tensor"]: row["state"] for row in found.coverage.iter_rows(named=True)}
        assert {name: state for name, state in states.items() if state == "refused"} == {"nan.weight": "refused"}
        assert found.coverage.filter(pl.col("state") == "refused")["reason"][0].startswith("must be finite")
        assert found.table["value"].drop_nulls().is_finite().all()
        of = "base" if len(paths) == 1 else "change"
        for name, each in BAD.items():
            if states[f"{name}.weight"] != "analysed" or name == "zeros":
                continue
            norm = found.value(f"{name}.weight", "frobenius_norm", of=of)
            assert norm == pytest.approx(np.linalg.norm(each.astype(np.float64)), rel=1e-5), name
            if level:
                assert found.value(f"{name}.weight", "stable_rank", of=of) >= 1 - 1e-5
            if level > 1 and name in ("rank one", "denormals", "a large one of denormals", "one entry"):
                assert found.value(f"{name}.weight", "effective_rank", of=of) == pytest.approx(1, abs=1e-4), name
        zero = of == "base"
        if level:
            rank = found.value("zeros.weight", "stable_rank", of=of)
            assert rank is None if zero else rank == pytest.approx(1, rel=1e-5)
    assert found.footprint.refused == 1


def test_a_refused_tensor_ends_the_command_with_code_four_under_strict(tmp_path, monkeypatch, capsys):
    from benchshadow.cli import main

    bad = np.ones((4, 4), np.float32)
    bad[0, 0] = np.inf
    folder = stored(tmp_path / "a", {"bad.weight": bad, "good.weight": np.eye(5, dtype=np.float32)})
    for strict, code in ((["--strict"], 4), ([], 0)):
        out = tmp_path / f"out{code}"
        monkeypatch.setattr("sys.argv", ["benchshadow", "footprint", str(folder), "--out", str(out), *strict])
        try:
            main()
            ended = 0
        except SystemExit as end:
            ended = int(end.code or 0)
        assert ended == code
        assert pl.read_parquet(out / "coverage.parquet").filter(pl.col("state") == "analysed")["tensor"].to_list() == [
            "good.weight"
        ]
    assert "bad.weight" in capsys.readouterr().err
