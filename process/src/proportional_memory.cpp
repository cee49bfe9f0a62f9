#include <charconv>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include <base/file.hpp>
#include <process/proportional_memory.hpp>

namespace sg::process {
namespace {

std::optional<std::uint64_t> kilobytes_after(std::string_view text, std::string_view key) {
    const std::size_t at = text.find(key);
    if (at == std::string_view::npos) return std::nullopt;
    text.remove_prefix(at + key.size());
    const std::size_t digit = text.find_first_not_of(" \t");
    if (digit == std::string_view::npos) return std::nullopt;
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(text.data() + digit, text.data() + text.size(), value);
    if (parsed.ec != std::errc()) return std::nullopt;
    return value * 1024;
}

}  // namespace

std::optional<std::uint64_t> proportional_memory(pid_t pid) {
    constexpr std::size_t kMaxBytes = 65536;
    if (const auto rollup = read_file(fmt::format("/proc/{}/smaps_rollup", pid), kMaxBytes)) {
        if (const auto pss = kilobytes_after(*rollup, "\nPss:")) return pss;
    }
    const auto status = read_file(fmt::format("/proc/{}/status", pid), kMaxBytes);
    if (!status) return std::nullopt;
    return kilobytes_after(*status, "\nVmRSS:");
}

}  // namespace sg::process
