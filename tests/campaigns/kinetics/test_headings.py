"""What headings of traces say, in the spellings that laboratories use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.kinetics.layouts import MAPPED, quadratures, role_of

SPELLINGS = {
    "delay": (
        "delay|Delay (ps)|Time|t|t_ps|Temps|Retard|Délai|Tiempo|Tempo|Ritardo|时间|延迟|遅延時間|Задержка"
        "|Opóźnienie|Zpoždění|X_Value|Zeit|Verzögerung (ps)|time_delay|Delay / fs|T"
        "|Vertraging [ps]|Fördröjning (fs)|Forsinkelse|Viive|Késleltetés|Gecikme|Întârziere (ps)|Kašnjenje|Καθυστέρηση"
    ),
    "perhaps delay": "tau|τ|Δt|dt|x|Stage (ps)|Position|Δt (ps)|dt/ps|stage",
    "sc": (
        "SC|sc_1|dR SC|same circular|SC (mOD)|σ+σ+|σ⁺σ⁺|LL|RR|RCP/RCP|dR/R LL|ΔR/R (RCP/RCP)|signal ++|SCP|co|co-pol"
        "|co-circular|parallel|s+s+|sigma+sigma+|ΔT/T (σ+,σ+)|same|(++)|left-left|pump RCP, probe RCP|--|Co-polarized"
        "|gleich zirkular|même polarisation|同円偏光|iso-helicity"
        "|right right|LCP LCP|σ-σ-|sigma_plus sigma_plus|dR_LL|++"
    ),
    "cc": (
        "CC|counter circular|σ+σ-|σ⁺σ⁻|LR|RL|RCP/LCP|ΔR/R (RCP/LCP)|OCP|OC|cross|cross-pol|antiparallel|anti-parallel"
        "|opposite|s+s-|sigma+sigma-|+-|signal +-|σ+ / σ−|left-right|dT/T LR|counter|pump RCP, probe LCP|ΔT/T (σ+,σ-)"
        "|gegen zirkular|polarisation opposée|逆円偏光|hetero-helicity|-+|Cross-polarized|oppositely circular|σ-σ+"
    ),
    "difference": "SC - CC|sc-cc|sc_cc|diff|difference|SC minus CC|σ+σ+ - σ+σ-|LL-LR|co - cross",
    "sum": "SC+CC|sum|total|SC + CC|(SC+CC)/2",
    "ratio": "(SC-CC)/(SC+CC)|DCP|SC/CC|spin polarization (%)|Polarisation|P|P (%)|Pc|P_circ (%)|ρ",
    "quadrature": "R|R_V|R (mV)|theta|R(SC)|R (σ+σ-)|R_CC|SC R (V)|SC_R|LL mag|phase_SC|θ (CC)|abs(SC)",
    "error": "sc_err|cc_err|dA_err|Signal error|SC std|error|std|sigma|SC ±|yerr|stderr|σ|sd_sc|uncertainty",
    "signal": "dA 1|dT_1|Amplitude A|ΔT/T|dR/R|ΔR/R|signal|dT|dA|Y|X_V|mean dA|Differential transmission|dR σ+"
    "|scan 2|demod0.x",
}


@pytest.mark.parametrize(
    ("heading", "role"), [(heading, role) for role, headings in SPELLINGS.items() for heading in headings.split("|")]
)
def test_a_heading_says_what_its_column_holds(heading: str, role: str) -> None:
    assert role_of(heading) == role


@pytest.mark.parametrize("heading", ["foo", "520", "520.1", "comment", "timestamp", "time_stamp", "T (K)", "index", ""])
def test_a_heading_that_says_nothing_says_nothing(heading: str) -> None:
    assert role_of(heading) is None


@given(st.text(max_size=40))
def test_any_heading_has_a_role_or_none(heading: str) -> None:
    assert role_of(heading) in (*MAPPED, "perhaps delay", "error", "sum", "ratio", "quadrature", None)


def test_a_magnitude_between_bars_is_no_signal_and_reflectivity_is_one() -> None:
    assert [role_of(heading) for heading in ("|SC|", "|CC| (V)")] == ["quadrature"] * 2
    assert [role_of(heading) for heading in ("dR/R SC", "ΔR_SC", "dR (CC)", "R/R0 SC", "RR", "R L")] == [
        "sc", "sc", "cc", "sc", "sc", "cc",
    ]  # fmt: skip


def test_y_r_and_theta_beside_an_x_of_the_same_name_are_no_signals() -> None:
    assert quadratures(["Delay", "X", "Y", "R", "Y"]) == [2, 3, 4]
    assert quadratures(["t", "SC X (V)", "SC Y (V)", "CC X (V)", "CC Y (V)"]) == [2, 4]
    assert quadratures(["delay", "dR/R", "y"]) == []
