#include <array>
#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <live/channel_state.hpp>

#include <base/file.hpp>
#include <formats/byte_reader.hpp>
#include <formats/byte_writer.hpp>
#include <formats/ts_writer.hpp>

namespace sg::live {
namespace {

constexpr std::uint32_t kMagic = 0x53474348;  // "SGCH"
constexpr std::uint32_t kVersion = 1;
/// A slot each: a torn write of one never touches the other.
constexpr std::size_t kSlot = 512;
constexpr std::size_t kMaxEpoch = 64;

using packagers::WallTime;

std::int64_t micros_of(WallTime time) {
    return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

WallTime time_of(std::int64_t micros) {
    return WallTime(std::chrono::microseconds(micros));
}

void write_time(formats::ByteWriter& writer, const std::optional<WallTime>& time) {
    writer.u8(time ? 1 : 0);
    writer.u64(static_cast<std::uint64_t>(time ? micros_of(*time) : 0));
}

std::optional<WallTime> read_time(formats::ByteReader& reader) {
    const bool there = reader.u8() != 0;
    const std::int64_t micros = reader.i64();
    return there ? std::optional(time_of(micros)) : std::nullopt;
}

void write_text(formats::ByteWriter& writer, const std::string& text) {
    const std::string_view kept = std::string_view(text).substr(0, kMaxEpoch);
    writer.u8(static_cast<std::uint32_t>(kept.size()));
    writer.text(kept);
}

std::string read_text(formats::ByteReader& reader) {
    const auto bytes = reader.bytes(reader.u8());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Record {
    std::uint64_t serial = 0;
    ChannelState state;
};

std::optional<Record> parse(std::span<const std::byte> slot) {
    formats::ByteReader head(slot);
    const std::uint32_t magic = head.u32();
    const std::uint32_t version = head.u32();
    const std::uint32_t size = head.u32();
    const std::uint32_t crc = head.u32();
    const auto body = head.bytes(size);
    if (!head.ok() || magic != kMagic || version != kVersion) return std::nullopt;
    if (formats::ts::section_crc(body) != crc) return std::nullopt;
    formats::ByteReader reader(body);
    Record out;
    out.serial = reader.u64();
    ChannelState& s = out.state;
    s.first_epoch = read_text(reader);
    s.epoch = read_text(reader);
    s.next_number = reader.i64();
    const std::uint32_t flags = reader.u8();
    s.under_way = (flags & 1U) != 0;
    s.final = (flags & 2U) != 0;
    s.discontinuities = reader.i64();
    s.availability_start = read_time(reader);
    s.end_date = read_time(reader);
    s.written = time_of(reader.i64());
    s.keep = std::chrono::seconds(reader.u32());
    if (!reader.ok() || s.next_number < 0) return std::nullopt;
    return out;
}

std::optional<Record> newest(int fd, const std::string& name) {
    std::array<std::byte, 2 * kSlot> bytes{};
    const auto got = read_at(fd, 0, bytes, name);
    if (!got) return std::nullopt;
    std::optional<Record> best;
    for (std::size_t i = 0; i < 2; ++i) {
        auto record = parse(std::span(bytes).subspan(i * kSlot, kSlot));
        if (record && (!best || record->serial > best->serial)) best = std::move(record);
    }
    return best;
}

}  // namespace

Result<ChannelStateFile> ChannelStateFile::open(const std::filesystem::path& path) {
    ChannelStateFile file;
    file.name_ = path.string();
    SG_TRY_ASSIGN(file.fd_, open_file(path, O_RDWR | O_CREAT));
    if (const auto last = newest(file.fd_.get(), file.name_)) file.serial_ = last->serial;
    return file;
}

Status ChannelStateFile::write(const ChannelState& state) {
    std::vector<std::byte> body;
    formats::ByteWriter writer(body);
    writer.u64(++serial_);
    write_text(writer, state.first_epoch);
    write_text(writer, state.epoch);
    writer.u64(static_cast<std::uint64_t>(state.next_number));
    writer.u8((state.under_way ? 1U : 0U) | (state.final ? 2U : 0U));
    writer.u64(static_cast<std::uint64_t>(state.discontinuities));
    write_time(writer, state.availability_start);
    write_time(writer, state.end_date);
    writer.u64(static_cast<std::uint64_t>(micros_of(state.written)));
    writer.u32(static_cast<std::uint32_t>(state.keep.count()));
    std::vector<std::byte> slot;
    formats::ByteWriter out(slot);
    out.u32(kMagic);
    out.u32(kVersion);
    out.u32(static_cast<std::uint32_t>(body.size()));
    out.u32(formats::ts::section_crc(body));
    out.bytes(body);
    const auto at = static_cast<off_t>(serial_ % 2 * kSlot);
    ssize_t written = 0;
    do {
        written = ::pwrite(fd_.get(), slot.data(), slot.size(), at);
    } while (written < 0 && errno == EINTR);
    if (written == static_cast<ssize_t>(slot.size())) return {};
    return errno_error(written < 0 ? errno : ENOSPC, "write " + name_);
}

std::optional<ChannelState> ChannelStateFile::read(const std::filesystem::path& path) {
    auto fd = open_file(path, O_RDONLY);
    if (!fd) return std::nullopt;
    auto record = newest(fd->get(), path.string());
    return record ? std::optional(std::move(record->state)) : std::nullopt;
}

}  // namespace sg::live
