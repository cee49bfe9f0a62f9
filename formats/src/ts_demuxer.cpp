#include <algorithm>
#include <map>
#include <utility>

#include <formats/ts_demuxer.hpp>

#include "ts_packets.hpp"
#include "ts_pes.hpp"
#include "ts_tables.hpp"

namespace sg::formats::ts {
namespace {

using Bytes = std::span<const std::byte>;

constexpr unsigned kPatPid = 0;
constexpr unsigned kFirstFreePid = 0x10;
constexpr unsigned kNullPid = 0x1fff;
constexpr std::uint8_t kNoCounter = 0xff;
constexpr std::int64_t kClockPerTick = 300;

bool is_audio(TrackFormat format) {
    return format == TrackFormat::kAac || format == TrackFormat::kAacLatm ||
           format == TrackFormat::kAc3 || format == TrackFormat::kEac3 ||
           format == TrackFormat::kOpus || format == TrackFormat::kMpegAudio;
}

bool is_video(TrackFormat format) {
    return format == TrackFormat::kH264 || format == TrackFormat::kHevc;
}

/// What is known of one PID. All that is kept of it is either a section or PES packets.
struct PidState {
    unsigned pid = 0;
    std::uint8_t counter = kNoCounter;
    bool duplicate_seen = false;
    bool is_table = false;
    TrackFormat format = TrackFormat::kOther;
    SectionGatherer section;
    std::unique_ptr<PesReader> pes;
};

}  // namespace

class TsDemuxer::Impl {
  public:
    Impl(DemuxSink& sink, const DemuxLimits& limits)
        : sink_(sink), limits_(limits), sync_(counters_) {
        pids_.push_back(table_pid(kPatPid));
    }

    void push(Bytes bytes) {
        sync_.push(bytes, [this](Bytes packet) { take_packet(packet); });
    }
    void flush();

    DemuxCounters counters_;

  private:
    static PidState table_pid(unsigned pid) {
        PidState state;
        state.pid = pid;
        state.is_table = true;
        return state;
    }

    PidState* find(unsigned pid);
    [[nodiscard]] bool is_clock(unsigned pid) const;
    void take_packet(Bytes bytes);
    [[nodiscard]] bool check_counter(PidState& state, const Packet& packet);
    void take_payload(PidState& state, const Packet& packet);
    void keep_within_limit();
    void take_section(unsigned pid, Bytes section);
    void take_pat(Bytes section);
    void take_pmt(Program& program, Bytes section);
    void take_splice(unsigned pid, Bytes section);
    void tables_changed();
    [[nodiscard]] PidState make_track_pid(const Track& track);
    void announce(unsigned clock_pid, unsigned except);

    DemuxSink& sink_;
    DemuxLimits limits_;
    PacketSync sync_;
    std::vector<PidState> pids_;
    std::size_t last_found_ = 0;
    std::vector<Program> programs_;
    std::map<unsigned, std::vector<PatSection::Entry>> pat_;  ///< by section number
    std::map<unsigned, std::int64_t> clocks_;                 ///< last PCR by PID
    bool rebuild_ = false;  ///< the tables changed; done when no PID is in use
};

PidState* TsDemuxer::Impl::find(unsigned pid) {
    // Packets of one PID come in runs.
    if (pids_[last_found_].pid == pid) return &pids_[last_found_];
    for (std::size_t i = 0; i < pids_.size(); ++i) {
        if (pids_[i].pid != pid) continue;
        last_found_ = i;
        return &pids_[i];
    }
    return nullptr;
}

bool TsDemuxer::Impl::is_clock(unsigned pid) const {
    return std::any_of(
        programs_.begin(), programs_.end(), [pid](const Program& p) { return p.clock_pid == pid; });
}

void TsDemuxer::Impl::flush() {
    for (PidState& state : pids_) {
        if (state.pes) state.pes->flush();
        state.section.lost();
        state.counter = kNoCounter;
    }
}

void TsDemuxer::Impl::take_packet(Bytes bytes) {
    ++counters_.packets;
    const std::optional<Packet> packet = parse_packet(bytes);
    if (!packet || packet->damaged) {
        ++counters_.transport_errors;
        return;
    }
    if (packet->pid == kNullPid) return;
    if (packet->clock && is_clock(packet->pid)) {
        clocks_[packet->pid] = *packet->clock;
        sink_.on_clock(packet->pid, *packet->clock, packet->discontinuity);
        if (packet->discontinuity) announce(packet->pid, packet->pid);
    }
    PidState* state = find(packet->pid);
    if (state == nullptr) return;
    if (packet->discontinuity && state->pes) state->pes->announce_discontinuity(packet->start);
    if (!packet->has_payload || !check_counter(*state, *packet)) return;
    if (packet->scrambled) {
        ++counters_.scrambled;
        return;
    }
    take_payload(*state, *packet);
    if (rebuild_) tables_changed();
}

/// The clock that PIDs of a program go by jumps: so do their times.
void TsDemuxer::Impl::announce(unsigned clock_pid, unsigned except) {
    for (const Program& program : programs_) {
        if (program.clock_pid != clock_pid) continue;
        for (const Track& track : program.tracks) {
            if (track.pid == except) continue;
            PidState* state = find(track.pid);
            if (state != nullptr && state->pes) state->pes->announce_discontinuity(false);
        }
    }
}

/// False for a packet that has come before.
bool TsDemuxer::Impl::check_counter(PidState& state, const Packet& packet) {
    const std::uint8_t before = state.counter;
    state.counter = static_cast<std::uint8_t>(packet.counter);
    if (before == kNoCounter || packet.counter == ((before + 1U) & 15U)) {
        state.duplicate_seen = false;
        return true;
    }
    if (packet.counter == before && !packet.discontinuity && !state.duplicate_seen) {
        state.duplicate_seen = true;
        ++counters_.duplicates;
        return false;
    }
    state.duplicate_seen = false;
    if (!packet.discontinuity) ++counters_.continuity_errors;
    state.section.lost();
    if (state.pes && !packet.discontinuity) state.pes->lost();
    return true;
}

void TsDemuxer::Impl::take_payload(PidState& state, const Packet& packet) {
    if (state.pes) {
        state.pes->payload(packet.payload, packet.start, packet.stuffed);
        keep_within_limit();
        return;
    }
    if (!state.is_table && state.format != TrackFormat::kScte35) return;
    const unsigned pid = state.pid;
    const bool good = state.section.payload(
        packet.payload, packet.start, [&](Bytes section) { take_section(pid, section); });
    if (!good) ++counters_.bad_sections;
}

void TsDemuxer::Impl::keep_within_limit() {
    std::size_t total = 0;
    PidState* largest = nullptr;
    for (PidState& state : pids_) {
        if (!state.pes) continue;
        total += state.pes->buffered();
        if (largest == nullptr || state.pes->buffered() > largest->pes->buffered())
            largest = &state;
    }
    if (total <= limits_.buffered_bytes) return;
    ++counters_.dropped_units;
    largest->pes->drop();
}

void TsDemuxer::Impl::take_section(unsigned pid, Bytes section) {
    PidState* state = find(pid);
    if (state->format == TrackFormat::kScte35) {
        take_splice(pid, section);
        return;
    }
    if (pid == kPatPid) {
        take_pat(section);
        return;
    }
    // A section may hold the PMT of any program on this PID.
    for (Program& program : programs_)
        if (program.pmt_pid == pid) take_pmt(program, section);
}

void TsDemuxer::Impl::take_pat(Bytes section) {
    const std::optional<PatSection> pat = parse_pat(section);
    if (!pat) return;
    pat_[pat->number] = pat->entries;
    std::erase_if(pat_, [&](const auto& entry) { return entry.first > pat->last_number; });
    if (pat_.size() != pat->last_number + 1U) return;
    std::vector<Program> programs;
    for (const auto& [number, entries] : pat_) {
        for (const PatSection::Entry& entry : entries) {
            if (entry.pid < kFirstFreePid || entry.pid == kNullPid) continue;
            if (programs.size() == limits_.programs) break;
            Program program;
            program.number = entry.program;
            program.pmt_pid = entry.pid;
            const auto before =
                std::find_if(programs_.begin(), programs_.end(), [&](const Program& p) {
                    return p.number == entry.program && p.pmt_pid == entry.pid;
                });
            if (before != programs_.end()) program = *before;
            programs.push_back(std::move(program));
        }
    }
    if (programs == programs_) return;
    programs_ = std::move(programs);
    rebuild_ = true;
}

void TsDemuxer::Impl::take_pmt(Program& program, Bytes section) {
    std::optional<Program> parsed = parse_pmt(section, program.number, limits_.tracks);
    if (!parsed) return;
    parsed->pmt_pid = program.pmt_pid;
    if (*parsed == program) return;
    program = *std::move(parsed);
    rebuild_ = true;
}

void TsDemuxer::Impl::take_splice(unsigned pid, Bytes bytes) {
    Section section;
    section.pid = pid;
    section.bytes = bytes;
    for (const Program& program : programs_) {
        const auto in = [&](const Track& t) { return t.pid == pid; };
        if (std::none_of(program.tracks.begin(), program.tracks.end(), in)) continue;
        if (const auto clock = clocks_.find(program.clock_pid); clock != clocks_.end())
            section.clock = clock->second / kClockPerTick;
        bool from_video = false;
        for (const Track& track : program.tracks) {
            const PidState* state = find(track.pid);
            if (state == nullptr || !state->pes || !state->pes->last_pts()) continue;
            if (section.pts && (from_video || !is_video(track.format))) continue;
            section.pts = state->pes->last_pts();
            from_video = is_video(track.format);
        }
        break;
    }
    sink_.on_section(section);
}

PidState TsDemuxer::Impl::make_track_pid(const Track& track) {
    PidState state;
    state.pid = track.pid;
    state.format = track.format;
    const auto out = [this, pid = track.pid](AccessUnit& unit) {
        unit.pid = pid;
        sink_.on_unit(unit);
    };
    std::unique_ptr<UnitSplitter> splitter;
    if (is_video(track.format)) {
        const NalCodec codec =
            track.format == TrackFormat::kH264 ? NalCodec::kH264 : NalCodec::kHevc;
        splitter = make_video_splitter(codec, limits_.video_unit_bytes, counters_, out);
    } else if (is_audio(track.format)) {
        splitter = make_audio_splitter(track.format, counters_, out);
    }
    if (splitter) state.pes = std::make_unique<PesReader>(std::move(splitter), counters_);
    return state;
}

/// Keeps the state of PIDs that go on, ends the others, and tells.
void TsDemuxer::Impl::tables_changed() {
    rebuild_ = false;
    std::vector<PidState> before = std::exchange(pids_, {});
    last_found_ = 0;
    const auto keep_or = [&](auto same, auto make) {
        const auto found = std::find_if(before.begin(), before.end(), same);
        if (found == before.end()) {
            pids_.push_back(make());
        } else {
            pids_.push_back(std::move(*found));
            before.erase(found);
        }
    };
    const auto keep_table = [&](unsigned pid) {
        keep_or([pid](const PidState& s) { return s.is_table && s.pid == pid; },
                [pid] { return table_pid(pid); });
    };
    keep_table(kPatPid);
    for (const Program& program : programs_)
        if (find(program.pmt_pid) == nullptr) keep_table(program.pmt_pid);
    std::size_t tracks = 0;
    for (const Program& program : programs_) {
        for (const Track& track : program.tracks) {
            if (tracks == limits_.tracks) break;
            if (track.pid < kFirstFreePid || track.pid == kNullPid || find(track.pid) != nullptr)
                continue;
            ++tracks;
            keep_or(
                [&](const PidState& s) {
                    return s.pid == track.pid && s.format == track.format && !s.is_table;
                },
                [&] { return make_track_pid(track); });
        }
    }
    std::erase_if(clocks_, [&](const auto& clock) {
        return std::none_of(programs_.begin(), programs_.end(), [&](const Program& p) {
            return p.clock_pid == clock.first;
        });
    });
    // What the tracks that end had gathered comes before the news of their end.
    for (PidState& gone : before)
        if (gone.pes) gone.pes->flush();
    sink_.on_programs(programs_);
}

TsDemuxer::TsDemuxer(DemuxSink& sink, const DemuxLimits& limits)
    : impl_(std::make_unique<Impl>(sink, limits)) {}
TsDemuxer::~TsDemuxer() = default;
TsDemuxer::TsDemuxer(TsDemuxer&&) noexcept = default;
TsDemuxer& TsDemuxer::operator=(TsDemuxer&&) noexcept = default;

void TsDemuxer::push(Bytes bytes) {
    impl_->push(bytes);
}

void TsDemuxer::flush() {
    impl_->flush();
}

const DemuxCounters& TsDemuxer::counters() const {
    return impl_->counters_;
}

}  // namespace sg::formats::ts
