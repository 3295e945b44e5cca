# Every build of this package is named here and nowhere else; scripts are told where the programs lie.
#
#   dev    all features, tests and clippy share it                       target/debug
#   small  release, default features, statically linked: the programs    target/<host>/release
#   bots   release, all features, dynamically linked: discordbot, voice  target/release
#
# The static build needs an explicit --target, so that build scripts and macros stay dynamic. The three share
# one target directory and none rebuilds what another made.

SHELL    := /bin/bash
HOST     := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
COMMA    := ,
TARGET   := $(or $(CARGO_TARGET_DIR),target)
PROGRAMS := cellphone captainphone agentctl taskctl logctl dreamscribe dupscan metricsd secctl
# Linked dynamically, with what few want: a Discord client, engines of speech.
BOTS     := discordbot voice
# Started by agentctl, never by hand.
HELPERS  := dreamos-superd
SCHEMAS  := $(wildcard bin/*/schemas/*.json)

DEV       = --locked --all-features
SMALL     = --locked --release --target $(HOST)
# Start-up of our own (src/cli/entry.rs) where its C library is there.
OWN_ENTRY = $(if $(findstring x86_64-unknown-linux-gnu glibc 2.36,$(HOST) $(shell getconf GNU_LIBC_VERSION)),--cfg own_entry)
# Functions of equal code are one; its linker is LLVM's there.
FOLDED    = $(if $(filter x86_64-unknown-linux-gnu,$(HOST)),-C link-arg=-Wl$(COMMA)--icf=all)
# Nothing is relocated at start-up, so that there is nothing to protect afterwards, and nothing unwinds: a panic
# aborts. Two segments instead of four are mapped sooner; what runs in every send lies together. Less is written out in
# place of a call than LLVM would for its "s". Of zstd only what level 3 needs.
SMALL_ENV = DREAMOS_COMMIT=$(shell git rev-parse --short HEAD 2>/dev/null) RUSTFLAGS='--cfg shipped $(OWN_ENTRY) -C target-feature=+crt-static -C relocation-model=static \
  -C force-unwind-tables=no -C llvm-args=-inline-threshold=30 -C relro-level=off -C link-arg=-Wl,--no-rosegment \
  -C link-arg=-Wl,-T,$(CURDIR)/scripts/no-unwind.ld $(FOLDED) \
  -C link-arg=-Wl,-T,$(CURDIR)/scripts/hot.ld -C link-arg=-Wl,--no-eh-frame-hdr' \
  CFLAGS='-Os -DZSTD_NO_INLINE -DZSTD_STRIP_ERROR_STRINGS -DHUF_FORCE_DECOMPRESS_X1 \
  -DZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT $(patsubst %,-DZSTD_EXCLUDE_%_BLOCK_COMPRESSOR,\
  GREEDY LAZY LAZY2 BTLAZY2 BTOPT BTULTRA)'
LARGE     = --locked --release --all-features
# Nobody starts a bot a hundred times a minute: its build may take a third of the time instead.
LARGE_ENV = CARGO_PROFILE_RELEASE_LTO=thin CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16

DEV_DIR   = $(TARGET)/debug
SMALL_DIR = $(TARGET)/$(HOST)/release
BOTS_DIR  = $(TARGET)/release

PREFIX  ?= /usr/local
BINDIR   = $(DESTDIR)$(PREFIX)/bin
SHAREDIR = $(DESTDIR)$(PREFIX)/share

# $(call put,DIR,PROGRAMS): with the man page and the completions that each prints of itself.
define put
	install -d $(BINDIR) $(SHAREDIR)/man/man1 $(SHAREDIR)/bash-completion/completions \
	  $(SHAREDIR)/zsh/site-functions $(SHAREDIR)/fish/vendor_completions.d
	set -e; for p in $(2); do \
	  install -m 755 $(1)/$$p $(BINDIR)/$$p; \
	  $(1)/$$p gen man  > $(SHAREDIR)/man/man1/$$p.1; \
	  $(1)/$$p gen bash > $(SHAREDIR)/bash-completion/completions/$$p; \
	  $(1)/$$p gen zsh  > $(SHAREDIR)/zsh/site-functions/_$$p; \
	  $(1)/$$p gen fish > $(SHAREDIR)/fish/vendor_completions.d/$$p.fish; \
	done
endef

.PHONY: help demo test check bench bench-readme install install-bots uninstall clean dev small bots rust

help:
	@echo 'make demo       a captain, four agents, one of them killed: the main job, in a temporary home'
	@echo 'make test       install what the tests need (apt), run them all'
	@echo 'make check      format, lints, layers, documentation, scripts'
	@echo 'make bench      measure beside mblaze, s6, taskwarrior, jq, jscpd and others; bench-readme: into README.md'
	@echo 'make install    programs, man pages, completions, schemas to PREFIX ($(PREFIX)), below DESTDIR if given'
	@echo 'make install-bots    discordbot and voice, likewise'
	@echo 'make uninstall  remove what these put there'
	@echo 'make dev | small | bots    one of the three builds'
	@echo 'make clean      remove what was built'

rust:
	@command -v cargo >/dev/null || { echo 'no cargo: install stable Rust first' >&2; exit 1; }

dev: rust
	cargo build $(DEV) --all-targets

small: rust
	$(SMALL_ENV) cargo build $(SMALL) --bins

bots: rust
	@scripts/deps check
	$(LARGE_ENV) cargo build $(LARGE) $(BOTS:%=--bin %)

demo: small
	@scripts/demo $(SMALL_DIR)

# Also builds what is shipped, for the tests that are of it.
test: small
	@scripts/deps test
	@$(MAKE) --no-print-directory bots BOTS=discordbot
	@DREAMOS_SHIPPED=$(abspath $(SMALL_DIR)) DREAMOS_SHIPPED_BOTS=$(abspath $(BOTS_DIR)) DREAMOS_TEST_QUEUED=10000 \
	  scripts/test cargo test $(DEV) --no-fail-fast

check: rust
	@scripts/deps check
	cargo fmt --check
	scripts/layers
	scripts/lint
	cargo clippy $(DEV) --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc $(DEV) --no-deps
	cargo test $(DEV) --test it -- readme:: contract::

# The README's block is generated: never edit figures by hand.
bench bench-readme: rust
	@scripts/deps bench
	$(SMALL_ENV) cargo bench -q $(filter-out --release,$(SMALL)) --bench library > $(TARGET)/library.tsv
	@# After it: a bench builds the programs too, in its own way and into the same place.
	@$(MAKE) --no-print-directory small
	@scripts/bench $(if $(filter bench-readme,$@),--readme README.md) $(SMALL_DIR) $(TARGET)/library.tsv

install: small
	$(call put,$(SMALL_DIR),$(PROGRAMS))
	install -d $(SHAREDIR)/dreamos/schemas
	install -m 644 $(SCHEMAS) $(SHAREDIR)/dreamos/schemas
	set -e; for p in $(HELPERS); do install -m 755 $(SMALL_DIR)/$$p $(BINDIR)/$$p; done

install-bots: bots
	$(call put,$(BOTS_DIR),$(BOTS))

uninstall:
	for p in $(PROGRAMS) $(BOTS); do rm -f $(BINDIR)/$$p $(SHAREDIR)/man/man1/$$p.1 \
	  $(SHAREDIR)/bash-completion/completions/$$p $(SHAREDIR)/zsh/site-functions/_$$p \
	  $(SHAREDIR)/fish/vendor_completions.d/$$p.fish; done
	for p in $(HELPERS); do rm -f $(BINDIR)/$$p; done
	for s in $(SCHEMAS); do rm -f $(SHAREDIR)/dreamos/schemas/$${s##*/}; done

clean:
	cargo clean
