// SPDX-License-Identifier: Apache-2.0
// A backend that offers exactly what the concept asks for, and counts what is called: types of its
// own that nothing else converts to or from, so that a family which uses more does not compile.
#pragma once

#include <retinue/backend/host.hpp>

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace retinue::test {

class archetype_backend {
  using host = host_backend;

 public:
  template <record R>
  class table {
   public:
    [[nodiscard]] table_shape shape() const { return inner_.shape(); }

   private:
    friend archetype_backend;
    columns<R> inner_;
  };
  template <record R>
  class view {
   public:
    [[nodiscard]] table_shape shape() const { return inner_.shape(); }

   private:
    friend archetype_backend;
    rows<R> inner_;
  };
  class output {
   public:
    output() = default;
    explicit output(const number_rows& of) : inner_(of) {}
    [[nodiscard]] table_shape shape() const { return inner_.shape(); }
    [[nodiscard]] std::size_t numbers() const { return inner_.numbers(); }
    [[nodiscard]] output image(std::size_t i) const { return output(inner_.image(i)); }

   private:
    friend archetype_backend;
    number_rows inner_;
  };
  class score_table {
    friend archetype_backend;
    class_table inner_;
  };
  class list {
   public:
    [[nodiscard]] std::size_t size() const { return inner_.size(); }

   private:
    friend archetype_backend;
    host::list inner_;
  };
  class cost {
   public:
    [[nodiscard]] double sum() const { return inner_.sum; }

   private:
    friend archetype_backend;
    host_cost inner_;
  };

  template <record R>
  [[nodiscard]] view<R> as(const output& of, const char* what)
  {
    ++calls["as"];
    view<R> v;
    v.inner_ = host_.as<R>(of.inner_, what);
    return v;
  }
  template <record R>
  void put(std::span<const R> from, std::size_t images, table<R>& out)
  {
    ++calls["put"];
    host_.put(from, images, out.inner_);
  }
  void put(std::span<const row_index> from, list& out)
  {
    ++calls["put"];
    host_.put(from, out.inner_);
  }
  template <class Table, class R>
  void fetch(const Table& from, std::vector<R>& out)
  {
    ++calls["fetch"];
    host_.fetch(from.inner_, out);
  }
  template <class Formula, record R, class... In>
  void map(const Formula& formula, table<R>& out, const In&... in)
  {
    ++calls["map"];
    host_.map(formula, out.inner_, in.inner_...);
  }
  template <class Formula, class... In>
  void map_classes(const Formula& formula, std::size_t classes, score_table& out,
                   const output& from, const In&... in)
  {
    ++calls["map_classes"];
    host_.map_classes(formula, classes, out.inner_, from.inner_, in.inner_...);
  }
  [[nodiscard]] auto elements(const score_table& of)
  {
    ++calls["elements"];
    return host_only<rows<number<float>>>(host_.elements(of.inner_));
  }
  template <class Formula, class... In>
  void most(const Formula& formula, table<ranked<float>>& out, const In&... in)
  {
    ++calls["most"];
    host_.most(formula, out.inner_, in.inner_...);
  }
  template <class Formula, class... In>
  void total(const Formula& formula, table<number<float>>& out, const In&... in)
  {
    ++calls["total"];
    host_.total(formula, out.inner_, in.inner_...);
  }
  void clear(cost& of, std::size_t width)
  {
    ++calls["clear"];
    host_.clear(of.inner_, width);
  }
  template <class Formula, class Said, class... In>
  void add_cost(const Formula& formula, cost& to, const Said& said, const In&... in)
  {
    ++calls["add_cost"];
    host_.add_cost(formula, to.inner_, said.inner_, in.inner_...);
  }
  template <class Table>
  void best(const Table& values, std::size_t most, list& out)
  {
    ++calls["best"];
    host_.best(values.inner_, most, out.inner_);
  }
  template <class Table>
  void compact(const Table& marks, list& out)
  {
    ++calls["compact"];
    host_.compact(marks.inner_, out.inner_);
  }
  template <class Table>
  [[nodiscard]] auto gather(const Table& from, const list& chosen)
  {
    ++calls["gather"];
    return host_only<decltype(host_.gather(from.inner_, chosen.inner_))>(
        host_.gather(from.inner_, chosen.inner_));
  }
  void gather(const list& from, const list& chosen, list& out)
  {
    ++calls["gather"];
    host_.gather(from.inner_, chosen.inner_, out.inner_);
  }
  void append(const list& from, std::size_t offset, list& to)
  {
    ++calls["append"];
    host_.append(from.inner_, offset, to.inner_);
  }
  template <class Values, record R>
  void scatter(const Values& values, const list& to, table<R>& out)
  {
    ++calls["scatter"];
    host_.scatter(values.inner_, to.inner_, out.inner_);
  }
  void divide(const list& from, std::size_t by, list& quotients, list& remainders)
  {
    ++calls["divide"];
    host_.divide(from.inner_, by, quotients.inner_, remainders.inner_);
  }
  void number_of(const list& from, table<number<float>>& out)
  {
    ++calls["number_of"];
    host_.number_of(from.inner_, out.inner_);
  }
  template <record R>
  void rows_of(const table<R>& from, list& out)
  {
    ++calls["rows_of"];
    host_.rows_of(from.inner_, out.inner_);
  }
  void count(table_shape shape, table<number<float>>& out)
  {
    ++calls["count"];
    host_.count(shape, out.inner_);
  }
  template <record R>
  [[nodiscard]] auto across(const table<R>& of)
  {
    ++calls["across"];
    return host_only<detail::turned<columns<R>>>(host_.across(of.inner_));
  }

  /// Of all copies since they were set to 0.
  static inline std::map<std::string, std::size_t> calls;

 private:
  /// What gather and the like give: to be read by other calls, and nothing else.
  template <class Inner>
  class host_only {
   public:
    explicit host_only(const Inner& inner) : inner_(inner) {}

   private:
    friend archetype_backend;
    Inner inner_;
  };

  host host_;
};
static_assert(tensor_backend<archetype_backend>);

}  // namespace retinue::test
