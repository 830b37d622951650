// SPDX-License-Identifier: Apache-2.0
// Reads and writes structures as JSON from one description, in which each key stands once.
//
//   template <class Fields, class Size>
//   void describe(Fields& fields, Size& s)
//   {
//     fields("width", s.width, between{1, 1000});           // a number, a word, a list of either
//     fields.group("border", [&](auto& inner) { ... });     // an object in the object
//     fields.list("rows", s.rows, [](auto& inner, auto& row) { ... });  // a list of objects
//   }
//
// Reading takes what is there, leaves what is not, and refuses everything else with the file, the
// place in it, the full path of the key, the value, and what was expected.
#pragma once

#include <retinue/config/nearest.hpp>    // nearest, listed
#include <retinue/config/rules.hpp>      // what a value may be
#include <retinue/detail/file.hpp>       // in_quotes
#include <retinue/detail/json_text.hpp>  // json, json_text, member_of, shown

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retinue::detail {

/// The numbers of a record.
template <class Record>
[[nodiscard]] auto listed_numbers(const Record& of)
{
  std::array<typename Record::value_type, Record::width> list;
  for (std::size_t i = 0; i < list.size(); ++i) list[i] = of[i];
  return list;
}

/// Reads one object of `source`, which must outlive it.
class json_reader {
 public:
  static constexpr std::size_t longest_list = 1000;

  json_reader(const json& from, const json_text& source, std::string path = {})
      : from_(from), source_(source), path_(std::move(path))
  {
    if (!from.is_object()) refuse(path_, from, "an object");
  }

  /// A value; for a list, `rule` holds for every element, and a vector must have one at least.
  template <class T, class Rule>
  void operator()(std::string_view key, T& value, const Rule& rule)
  {
    if (const json* found = find(key)) take(*found, full(key), value, rule);
  }

  /// A record, as the list of its numbers.
  template <class Record, class Rule>
  void numbers(std::string_view key, Record& value, const Rule& rule)
  {
    auto list = listed_numbers(value);
    (*this)(key, list, rule);
    for (std::size_t i = 0; i < list.size(); ++i) value[i] = list[i];
  }

  template <class Describe>
  void group(std::string_view key, const Describe& describe)
  {
    if (const json* found = find(key)) read_object(*found, full(key), describe);
  }

  template <class T, class Describe>
  void list(std::string_view key, std::vector<T>& values, const Describe& describe)
  {
    const json* found = find(key);
    if (!found) return;
    fit(*found, full(key), values);
    for (std::size_t i = 0; i < values.size(); ++i)
      read_object((*found)[i], full(key) + at(i),
                  [&](json_reader& inner) { describe(inner, values[i]); });
  }

  /// Throws for the first key that nobody asked for.
  void finish() const
  {
    for (const auto& [key, value] : from_.items()) {
      if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
      const auto meant = nearest(key, known_);
      if (meant.empty())
        source_.refuse_key(value, detail::in_quotes(full(key)),
                           " is not a known key, expected one of ", listed(known_));
      source_.refuse_key(value, detail::in_quotes(full(key)), " is not a known key, did you mean ",
                         full(meant), "?");
    }
  }

 private:
  const json* find(std::string_view key)
  {
    known_.push_back(key);
    const auto found = from_.find(key);
    return found == from_.end() ? nullptr : &*found;
  }

  [[nodiscard]] std::string full(std::string_view key) const
  {
    return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  }
  [[nodiscard]] static std::string at(std::size_t i) { return "[" + std::to_string(i) + "]"; }

  template <class Describe>
  void read_object(const json& from, const std::string& path, const Describe& describe) const
  {
    json_reader inner(from, source_, path);
    describe(inner);
    inner.finish();
  }

  template <class T, class Rule>
  void take(const json& from, const std::string& path, T& value, const Rule& rule) const
  {
    if (!rule.read(from, value)) refuse(path, from, rule.template expected<T>());
  }
  template <class T, class Rule>
  void take(const json& from, const std::string& path, std::vector<T>& values,
            const Rule& rule) const
  {
    fit(from, path, values);
    for (std::size_t i = 0; i < values.size(); ++i) take(from[i], path + at(i), values[i], rule);
  }
  template <class T, std::size_t N, class Rule>
  void take(const json& from, const std::string& path, std::array<T, N>& values,
            const Rule& rule) const
  {
    if (!from.is_array() || from.size() != N) refuse(path, from, "a list of " + std::to_string(N));
    for (std::size_t i = 0; i < N; ++i) take(from[i], path + at(i), values[i], rule);
  }

  template <class T>
  void fit(const json& from, const std::string& path, std::vector<T>& values) const
  {
    if (!from.is_array() || from.empty() || from.size() > longest_list)
      refuse(path, from, "a list of 1 to " + std::to_string(longest_list));
    values.assign(from.size(), T());
  }

  [[noreturn]] void refuse(const std::string& path, const json& value,
                           const std::string& expected) const
  {
    source_.refuse(value, path.empty() ? "the configuration" : path, " is ", shown(value),
                   ", expected ", expected);
  }

  const json& from_;
  const json_text& source_;
  std::string path_;
  std::vector<std::string_view> known_;
};

/// Writes one object in its place of a json_tree, and holds no part of it beside that: only the
/// tree is given back without a request for memory.
class json_writer {
 public:
  explicit json_writer(json& to) : to_(to) { to_ = json::object(); }

  template <class T, class Rule>
  void operator()(std::string_view key, const T& value, const Rule& rule)
  {
    put(at(key), value, rule);
  }

  template <class Record, class Rule>
  void numbers(std::string_view key, const Record& value, const Rule& rule)
  {
    (*this)(key, listed_numbers(value), rule);
  }

  template <class Describe>
  void group(std::string_view key, const Describe& describe)
  {
    json_writer inner(at(key));
    describe(inner);
  }

  template <class T, class Describe>
  void list(std::string_view key, const std::vector<T>& values, const Describe& describe)
  {
    put_each(at(key), values, [&](json& to, const T& value) {
      json_writer inner(to);
      describe(inner, value);
    });
  }

 private:
  [[nodiscard]] json& at(std::string_view key) { return member_of(to_, std::string(key)); }

  template <class T, class Rule>
  static void put(json& to, const T& value, const Rule& rule)
  {
    if constexpr (requires { std::size(value); } && !std::same_as<T, std::string>)
      put_each(to, value, [&](json& one, const auto& inner) { put(one, inner, rule); });
    else
      to = rule.template write<json>(value);
  }
  template <class Values, class Put>
  static void put_each(json& to, const Values& values, const Put& put_one)
  {
    to = json::array();
    for (const auto& value : values) put_one(to.emplace_back(), value);
  }

  json& to_;
};

}  // namespace retinue::detail
