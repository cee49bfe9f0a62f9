#include "job_names.hpp"

#include <cctype>
#include <cstdint>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include <engine/job.hpp>

namespace sg::engine {
namespace {

constexpr std::size_t kLongestName = 100;

/// Bytes of the UTF-8 sequence at `i` (RFC 3629 section 4); 0 when there is none.
std::size_t sequence_length(std::string_view text, std::size_t i) {
    const auto byte = [&](std::size_t k) {
        return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0U;
    };
    const auto continued = [&](std::size_t k, unsigned least = 0x80, unsigned most = 0xBF) {
        return byte(k) >= least && byte(k) <= most;
    };
    const auto lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return continued(1) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        const unsigned least = lead == 0xE0 ? 0xA0 : 0x80;
        const unsigned most = lead == 0xED ? 0x9F : 0xBF;
        return continued(1, least, most) && continued(2) ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        const unsigned least = lead == 0xF0 ? 0x90 : 0x80;
        const unsigned most = lead == 0xF4 ? 0x8F : 0xBF;
        return continued(1, least, most) && continued(2) && continued(3) ? 4 : 0;
    }
    return 0;
}

/// Separators, and what file systems, shells or URLs give a meaning of its own.
bool reserved(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F ||
           std::string_view("/\\:*?\"<>|#%").find(c) != std::string_view::npos;
}

std::string cut(const std::string& name, std::size_t most) {
    if (name.size() <= most) return name;
    std::size_t end = 0;
    while (end < name.size()) {
        const auto n = sequence_length(name, end);
        if (end + n > most) break;
        end += n;
    }
    return name.substr(0, end);
}

void trim(std::string& name) {
    name.erase(0, name.find_first_not_of(". "));
    const auto last = name.find_last_not_of(". ");
    name.resize(last == std::string::npos ? 0 : last + 1);
}

/// The last part of a path, and what stands before it.
struct Split {
    std::string_view folder;
    std::string_view last;
};
Split split(std::string_view path) {
    while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    const auto slash = path.rfind('/');
    if (slash == std::string_view::npos) return {{}, path};
    return {path.substr(0, slash), path.substr(slash + 1)};
}

std::string_view without_extension(std::string_view file) {
    const auto dot = file.rfind('.');
    return dot == std::string_view::npos || dot == 0 ? file : file.substr(0, dot);
}

/// "shot_%04d" -> "shot_"; none when it is not an image pattern.
std::string_view before_counter(std::string_view stem) {
    const auto percent = stem.find('%');
    if (percent == std::string_view::npos) return stem;
    auto end = percent + 1;
    while (end < stem.size() && stem[end] >= '0' && stem[end] <= '9') ++end;
    return end < stem.size() && stem[end] == 'd' ? stem.substr(0, percent) : stem;
}

std::string name_of(const std::string& uri) {
    if (uri == "-") return "stdin";
    std::string_view path = uri;
    if (path.find("://") != std::string_view::npos) path = path.substr(0, path.find_first_of("?#"));
    const auto [folder, file] = split(path);
    const auto stem = without_extension(file);
    auto base = before_counter(stem);
    if (base.size() == stem.size()) return std::string(stem);
    while (!base.empty() && std::string_view("-_. ").find(base.back()) != std::string_view::npos)
        base.remove_suffix(1);
    if (!base.empty()) return std::string(base);
    const auto parent = std::string(split(folder).last);
    return parent.find_first_not_of('.') == std::string::npos ? "images" : parent;
}

/// For telling names apart on file systems that take "Film" and "film" for one.
std::string folded(std::string name) {
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return name;
}

}  // namespace

std::string safe_name(const std::string& wanted) {
    std::string name;
    for (std::size_t i = 0; i < wanted.size();) {
        const auto n = sequence_length(wanted, i);
        if (n == 0 || reserved(wanted[i])) {
            name += '_';
        } else {
            name.append(wanted, i, n);
        }
        i += n == 0 ? 1 : n;
    }
    trim(name);
    name = cut(name, kLongestName);
    trim(name);
    return name.empty() ? "input" : name;
}

std::vector<std::string> output_names(const JobDocument& job) {
    std::vector<std::string> names(job.inputs.size());
    std::set<std::string> taken;
    const auto take = [&](std::size_t i, const std::string& wanted) {
        const auto base = safe_name(wanted);
        auto name = base;
        for (int n = 2; !taken.insert(folded(name)).second; ++n) {
            const auto suffix = fmt::format("-{}", n);
            name = cut(base, kLongestName - suffix.size()) + suffix;
        }
        names[i] = std::move(name);
    };
    // Names that were asked for are settled first, wherever they stand.
    for (std::size_t i = 0; i < job.inputs.size(); ++i) {
        if (!job.inputs[i].name.empty()) take(i, job.inputs[i].name);
    }
    for (std::size_t i = 0; i < job.inputs.size(); ++i) {
        if (job.inputs[i].name.empty()) take(i, name_of(job.inputs[i].uri));
    }
    return names;
}

}  // namespace sg::engine
