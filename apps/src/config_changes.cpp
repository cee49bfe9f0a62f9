#include <map>

#include <fmt/format.h>

#include "config.hpp"
#include "config_fields.hpp"

namespace sg::apps {
namespace {

/// All values by their dotted keys, secrets included: for comparing only.
class Values {
  public:
    template <class T, class K>
    void field(const char* key, const T& member, const K& kind, const char*) {
        if constexpr (std::is_same_v<K, TextKind>)
            all_[path_ + key] = member;
        else
            all_[path_ + key] = kind.show(member);
    }
    void secret(const char* key, const std::string& member, const SecretKind&, const char*) {
        all_[path_ + key] = member;
    }
    template <class T, class K>
    void list(
        const char* key, const std::vector<T>& member, const K& kind, std::size_t, const char*) {
        for (const auto& item : member) all_[path_ + key] += kind.show(item) + "\n";
    }
    template <class S>
    void section(const char* key, S& member, const char*) {
        below(std::string(key) + ".", member);
    }
    template <class S>
    void sections(const char* key, std::vector<S>& member, std::size_t, const char*) {
        for (std::size_t i = 0; i < member.size(); ++i)
            below(fmt::format("{}[{}].", key, i), member[i]);
    }

    [[nodiscard]] std::vector<std::string> changed_to(const Values& after) const {
        std::vector<std::string> keys;
        for (const auto& [key, value] : all_) {
            const auto found = after.all_.find(key);
            if (found == after.all_.end() || found->second != value) keys.push_back(key);
        }
        for (const auto& [key, value] : after.all_) {
            if (!all_.contains(key)) keys.push_back(key);
        }
        return keys;
    }

  private:
    template <class S>
    void below(const std::string& prefix, S& member) {
        const auto outer = path_;
        path_ += prefix;
        visit(*this, member);
        path_ = outer;
    }

    std::map<std::string, std::string> all_;
    std::string path_;
};

template <class S>
std::vector<std::string> compare(S before, S after) {
    Values old_values;
    Values new_values;
    visit(old_values, before);
    visit(new_values, after);
    return old_values.changed_to(new_values);
}

}  // namespace

std::vector<std::string> changed_keys(const ServeSettings& before, const ServeSettings& after) {
    return compare(before, after);
}

std::vector<std::string> changed_keys(const live::ChannelSettings& before,
                                      const live::ChannelSettings& after) {
    return compare(before, after);
}

}  // namespace sg::apps
