"""What is known of the extensions of RISC-V by name: versions, what they imply, profiles, what cannot be together.

Versions and implications are those of GNU as 2.40, and of 2.44 for what 2.40 does not know.
"""

from __future__ import annotations

_VERSION_1_0 = """v h zicbom zicbop zicboz zicond zmmul zawrs zfh zfhmin zfinx zdinx zqinx zhinx zhinxmin zba zbb zbc zbs zbkb
zbkc zbkx zk zkn zknd zkne zknh zkr zks zksed zksh zkt zve32x zve32f zve64x zve64f zve64d zvl32b zvl64b zvl128b zvl256b
zvl512b zvl1024b zvl2048b zvl4096b zvl8192b zvl16384b zvl32768b zvl65536b
zaamo zalrsc zabha zacas zama16b zca zcb zcd zcf zcmp zcmt zcmop zimop zihintntl zfa zfbfmin zic64b b
za64rs za128rs zvkt
zvkg zvkned zvknha zvknhb zvksed zvksh zvkn zvknc zvkng zvks zvksc zvksg
zicfilp zicfiss ziccamoa ziccif zicclsm ziccrse zvbb zvbc zvfbfmin zvfbfwma zvfh zvfhmin zvkb smepmp svade svadu svvptc
smaia smcntrpmf smctr smdbltrp smmpm smnpm smrnmi smstateen smcdeleg smcsrind ssaia ssccfg
ssccptr sscofpmf sscounterenw sscsrind ssctr ssdbltrp ssnpm sspm ssqosid ssstateen sstc sstvala sstvecd ssu64xl
sstrict supm svbare svade sdtrig shcounterenw shgatpa shlcofideleg shtvala shvsatpa shvstvala shvstvecd svinval svnapot svpbmt
xtheadba xtheadbb xtheadbs xtheadcmo xtheadcondmov xtheadfmemidx xtheadfmv xtheadint xtheadmac xtheadmemidx xtheadmempair
xtheadsync"""

# extension -> default version
VERSIONS: dict[str, tuple[int, int]] = {
    "i": (2, 1),
    "e": (1, 9),
    "a": (2, 1),
    **dict.fromkeys(("m", "c", "zicsr", "zifencei", "zihintpause", "zicntr", "zihpm"), (2, 0)),
    **dict.fromkeys(("f", "d", "q"), (2, 2)),
    **dict.fromkeys(_VERSION_1_0.split(), (1, 0)),
    "ztso": (0, 1),
}

# The versions of the older manuals (-misa-spec), where they differ. HIDDEN: a part of I there, which no string names
HIDDEN = (0, 0)
_OLDER: dict[str, dict[str, tuple[int, int]]] = {
    "20190608": {"a": (2, 0)},
    "2.2": {
        **dict.fromkeys(("i", "m", "a", "f", "d", "q", "c"), (2, 0)),
        **dict.fromkeys(("zicsr", "zifencei"), HIDDEN),
    },
}
SPECS = ("2.2", "20190608", "20191213")
DEFAULT_SPEC = "20191213"


def default_version(name: str, spec: str = DEFAULT_SPEC) -> tuple[int, int] | None:
    """The version of an extension in a manual (one of SPECS), HIDDEN if it is a part of I, None if there is none."""
    return _OLDER.get(spec, {}).get(name, VERSIONS.get(name))


# extension -> extensions that it implies
IMPLIED: dict[str, tuple[str, ...]] = {
    "m": ("zmmul",),
    "q": ("d",),
    "d": ("f",),
    "f": ("zicsr",),
    "h": ("zicsr",),
    "v": ("d", "zve64d", "zvl128b"),
    "zve64d": ("d", "zve64f"),
    "zve64f": ("zve32f", "zve64x"),
    "zve64x": ("zve32x", "zvl64b"),
    "zve32f": ("f", "zve32x"),
    "zve32x": ("zvl32b",),
    "zvl65536b": ("zvl32768b",),
    "zvl32768b": ("zvl16384b",),
    "zvl16384b": ("zvl8192b",),
    "zvl8192b": ("zvl4096b",),
    "zvl4096b": ("zvl2048b",),
    "zvl2048b": ("zvl1024b",),
    "zvl1024b": ("zvl512b",),
    "zvl512b": ("zvl256b",),
    "zvl256b": ("zvl128b",),
    "zvl128b": ("zvl64b",),
    "zvl64b": ("zvl32b",),
    "zabha": ("zaamo",),
    "zacas": ("zaamo",),
    **dict.fromkeys(("zcb", "zcmp", "zcmop"), ("zca",)),
    "zcd": ("d", "zca"),
    "zcf": ("f", "zca"),
    "zcmt": ("zca", "zicsr"),
    "zfa": ("f",),
    "zfbfmin": ("f",),
    **dict.fromkeys(("zicntr", "zihpm"), ("zicsr",)),
    "zvbb": ("zvkb",),
    "zvkb": ("zve32x",),
    **dict.fromkeys(("zvkg", "zvkned", "zvknha", "zvksed", "zvksh"), ("zve32x",)),
    "zvknhb": ("zve64x",),
    "zvkn": ("zvkned", "zvknhb", "zvkb", "zvkt"),
    "zvknc": ("zvkn", "zvbc"),
    "zvkng": ("zvkn", "zvkg"),
    "zvks": ("zvksed", "zvksh", "zvkb", "zvkt"),
    "zvksc": ("zvks", "zvbc"),
    "zvksg": ("zvks", "zvkg"),
    **dict.fromkeys(("zicfiss",), ("zimop", "zicsr")),
    "zvbc": ("zve64x",),
    "zvfbfmin": ("zve32f",),
    "zvfbfwma": ("zvfbfmin", "zfbfmin"),
    "zvfh": ("zvfhmin", "zfhmin"),
    "zvfhmin": ("zve32f",),
    "zfh": ("zfhmin",),
    "zfhmin": ("f",),
    "b": ("zba", "zbb", "zbs"),
    "zqinx": ("zdinx",),
    "zdinx": ("zfinx",),
    "zhinx": ("zhinxmin",),
    "zhinxmin": ("zfinx",),
    "zfinx": ("zicsr",),
    "zk": ("zkn", "zkr", "zkt"),
    "zkn": ("zbkb", "zbkc", "zbkx", "zkne", "zknd", "zknh"),
    "zks": ("zbkb", "zbkc", "zbkx", "zksed", "zksh"),
    "smaia": ("ssaia",),
    "smstateen": ("ssstateen",),
    **dict.fromkeys(("ssaia", "ssstateen", "sscofpmf", "sstc"), ("zicsr",)),
}

# Profile -> what it stands for (riscv-profiles; binutils 2.44)
_RVA20 = "imafdc_ziccamoa_ziccif_zicclsm_ziccrse_zicntr_za128rs"
_RVA22 = (
    "imafdc_zic64b_zicbom_zicbop_zicboz_ziccamoa_ziccif_zicclsm_ziccrse_zicntr_zihintpause_zihpm_za64rs_zfhmin"
    "_zba_zbb_zbs_zkt"
)
_RVA23 = (
    "imafdcbv_zic64b_zicbom_zicbop_zicboz_ziccamoa_ziccif_zicclsm_ziccrse_zicntr_zicond_zihintntl_zihintpause_zihpm"
    "_zimop_za64rs_zawrs_zfa_zfhmin_zcb_zcmop_zkt_zvbb_zvfhmin_zvkt"
)
_RVB23 = (
    "imafdcb_zic64b_zicbom_zicbop_zicboz_ziccamoa_ziccif_zicclsm_ziccrse_zicntr_zicond_zihintntl_zihintpause_zihpm"
    "_zimop_za64rs_zawrs_zfa_zcb_zcmop_zkt"
)
_SUPERVISOR20 = "_zifencei_ssccptr_sstvala_sstvecd_svade_svbare"
_SUPERVISOR22 = f"{_SUPERVISOR20}_sscounterenw_svpbmt_svinval"
_SUPERVISOR23 = f"{_SUPERVISOR22}_svnapot_sstc_sscofpmf_ssnpm_ssu64xl"
_HYPERVISOR23 = "_h_shcounterenw_shgatpa_shtvala_shvsatpa_shvstvala_shvstvecd_ssstateen_supm"
PROFILES = {
    "rvi20u64": "rv64i",
    "rvi20u32": "rv32i",
    "rva20u64": f"rv64{_RVA20}",
    "rva20s64": f"rv64{_RVA20}{_SUPERVISOR20}",
    "rva22u64": f"rv64{_RVA22}",
    "rva22s64": f"rv64{_RVA22}{_SUPERVISOR22}",
    "rva23u64": f"rv64{_RVA23}",
    "rva23s64": f"rv64{_RVA23}{_SUPERVISOR23}{_HYPERVISOR23}",
    "rvb23u64": f"rv64{_RVB23}",
    "rvb23s64": f"rv64{_RVB23}{_SUPERVISOR23}",
}

# Extensions that cannot be together, and why
CONFLICTS: tuple[tuple[str, str, str], ...] = (
    ("zfinx", "f", "floating point is in integer registers, or in registers of its own"),
    ("zcmp", "zcd", "their encodings are those of the compressed loads and stores of doubles"),
    ("zcmt", "zcd", "their encodings are those of the compressed loads and stores of doubles"),
)
